package image

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"portillon/internal/config"
	"portillon/internal/update"
)

// OfferName is the file beside an image that says what an update with it is made of; its signature stands
// beside it as a configuration's does.
const OfferName = "image.json"

// MaxOffer bounds it, in bytes.
const MaxOffer = 4 << 10

// ErrOffer: the file is none that a build wrote.
var ErrOffer = errors.New("not an image's " + OfferName)

// Offer is what a tablet is offered: a version, and the three files of it with their checksums, so that one
// signature of the centre's covers all that is written.
type Offer struct {
	Version string `json:"version"`
	// RootHash is dm-verity's, in hex: it names the slot's partitions, and stands in the signed kernel.
	RootHash string `json:"root_hash"`
	Root     Part   `json:"root"`
	Verity   Part   `json:"verity"`
	Kernel   Part   `json:"kernel"`
}

// Part is one file of an offer.
type Part struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex
	// Room is what the partition must have, in bytes: what follows the file's there is zeros. 0 for the
	// kernel, which is a file.
	Room int64 `json:"room,omitempty"`
}

// Ends of the parts' files, which begin with portillon_VERSION.
const (
	rootEnd   = ".root.raw"
	verityEnd = ".verity.raw"
	kernelEnd = ".efi"
)

// The places of the parts in named.
const (
	rootPart = iota
	verityPart
	kernelPart
)

// named are an offer's parts in the order in which they are written, by file.
func (o Offer) named() []struct {
	File string
	Part
} {
	begin := "portillon_" + o.Version
	return []struct {
		File string
		Part
	}{{begin + rootEnd, o.Root}, {begin + verityEnd, o.Verity}, {begin + kernelEnd, o.Kernel}}
}

// Bounds of a part, in bytes.
const (
	maxSlot   = 4 << 30
	maxKernel = 256 << 20
	blockSize = 4096 // of dm-verity
)

// ParseOffer reads image.json; it fails with ErrOffer.
func ParseOffer(b []byte) (Offer, error) {
	var o Offer
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || len(b) > MaxOffer {
		return Offer{}, fmt.Errorf("%w: not its JSON object", ErrOffer)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Offer{}, fmt.Errorf("%w: something follows the JSON object", ErrOffer)
	}
	if !goodVersion(o.Version) {
		return Offer{}, fmt.Errorf("%w: version %q", ErrOffer, o.Version)
	}
	if !isSum(o.RootHash) {
		return Offer{}, fmt.Errorf("%w: its root hash", ErrOffer)
	}
	for i, p := range o.named() {
		room, most := p.Room, int64(maxSlot)
		if i == kernelPart {
			room, most = p.Bytes, maxKernel
		}
		if p.Bytes < 1 || p.Bytes > room || room > most || !isSum(p.SHA256) || p.Room%blockSize != 0 {
			return Offer{}, fmt.Errorf("%w: %s: %d bytes in %d", ErrOffer, p.File, p.Bytes, p.Room)
		}
	}
	return o, nil
}

// isSum: 32 bytes in lower-case hex.
func isSum(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// VerifyOffer is ParseOffer for what the centre signed; nothing is parsed before. It fails as
// Signature.Verify does, too.
func VerifyOffer(b, sig []byte, key ed25519.PublicKey, now time.Time) (Offer, error) {
	s, err := config.ParseSignature(sig)
	if err == nil {
		err = s.Verify(b, key, now, 0)
	}
	if err != nil {
		return Offer{}, fmt.Errorf("%s: %w", OfferName, err)
	}
	return ParseOffer(b)
}

// LoadOffer is VerifyOffer for an image's directory.
func LoadOffer(dir string, key ed25519.PublicKey, now time.Time) (Offer, error) {
	b, err := os.ReadFile(filepath.Join(dir, OfferName))
	if err != nil {
		return Offer{}, err
	}
	sig, err := os.ReadFile(filepath.Join(dir, OfferName+config.SignatureSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return Offer{}, fmt.Errorf("%s: %w: there is no %s", dir, config.ErrUnsigned, OfferName+config.SignatureSuffix)
	}
	if err != nil {
		return Offer{}, err
	}
	return VerifyOffer(b, sig, key, now)
}

// offerOf describes the parts in a directory; rooms are the sizes of the slot's partitions.
func offerOf(dir, version, rootHash string, rooms map[string]int64) (Offer, error) {
	o := Offer{Version: version, RootHash: rootHash}
	for end, p := range map[string]*Part{rootEnd: &o.Root, verityEnd: &o.Verity, kernelEnd: &o.Kernel} {
		file := filepath.Join(dir, "portillon_"+version+end)
		info, err := os.Stat(file)
		if err == nil {
			p.SHA256, err = fileSum(file)
		}
		if err != nil {
			return o, err
		}
		p.Bytes, p.Room = info.Size(), rooms[end]
	}
	return o, nil
}

// Newer reports whether an offer is a later version than the one that runs.
func (o Offer) Newer(running string) bool { return update.Compare(o.Version, running) > 0 }
