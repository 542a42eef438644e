// Package argon2id computes argon2id of one lane (RFC 9106) in memory that its caller keeps from one
// password to the next. The password package calls it, and nothing else.
//
// golang.org/x/crypto/argon2 allocates the 19 MiB of each hash anew, and beside a crowd's
// connections these were most of what the collector collected, of what the kernel zeroed and mapped,
// and of what the process held (docs/decisions/0030-memory-of-a-hash.md). The compression of blocks and the long
// hash are that package's own, its assembly included; what is here is the order in which blocks are
// filled. A fuzz test holds both to the same results.
package argon2id

import (
	"encoding/binary"
	_ "unsafe" //nolint:depguard // go:linkname, for what x/crypto does not export

	_ "golang.org/x/crypto/argon2" // its compression
	"golang.org/x/crypto/blake2b"
)

const (
	version = 0x13
	kind    = 2 // argon2id
	slices  = 4
	words   = 128 // of 64 bits in a block of 1 KiB
	// LeastKiB is the least memory there is: eight blocks (RFC 9106 §3.1).
	LeastKiB = 2 * slices
)

type block [words]uint64

//go:linkname processBlock golang.org/x/crypto/argon2.processBlock
func processBlock(out, in1, in2 *block)

//go:linkname processBlockXOR golang.org/x/crypto/argon2.processBlockXOR
func processBlockXOR(out, in1, in2 *block)

//go:linkname blake2bHash golang.org/x/crypto/argon2.blake2bHash
func blake2bHash(out, in []byte)

// Memory is what a hash works in. The zero Memory is ready; it holds as much as the largest
// hash so far needed. It is for one hash at a time, and what it holds after one is as secret as before
// the collector takes away what x/crypto leaves.
type Memory struct{ blocks []block }

// Key is argon2.IDKey with one thread: keyLen bytes from password and salt, in passes ≥ 1 over kib KiB,
// which is rounded down to a multiple of four and up to LeastKiB. keyLen is at least 1.
func (m *Memory) Key(password, salt []byte, passes, kib, keyLen uint32) []byte {
	n := max(kib/slices*slices, LeastKiB)
	if uint32(len(m.blocks)) < n {
		m.blocks = make([]block, n)
	}
	b := m.blocks[:n]
	h0 := first(password, salt, passes, kib, keyLen)
	var raw [8 * words]byte
	for i := range uint32(2) {
		binary.LittleEndian.PutUint32(h0[blake2b.Size:], i)
		blake2bHash(raw[:], h0[:])
		for j := range b[i] {
			b[i][j] = binary.LittleEndian.Uint64(raw[8*j:])
		}
	}
	for pass := range passes {
		for slice := range uint32(slices) {
			fill(b, pass, slice, passes)
		}
	}
	for j, v := range b[n-1] {
		binary.LittleEndian.PutUint64(raw[8*j:], v)
	}
	key := make([]byte, keyLen)
	blake2bHash(key, raw[:])
	return key
}

// first is H0 of RFC 9106 §3.2, with room for a block's number and a lane's.
func first(password, salt []byte, passes, kib, keyLen uint32) (h0 [blake2b.Size + 8]byte) {
	var in []byte
	for _, n := range []uint32{1, keyLen, kib, passes, version, kind} {
		in = binary.LittleEndian.AppendUint32(in, n)
	}
	for _, part := range [][]byte{password, salt, nil, nil} { // no secret of the service, no other data
		in = binary.LittleEndian.AppendUint32(in, uint32(len(part)))
		in = append(in, part...)
	}
	sum := blake2b.Sum512(in)
	clear(in)
	copy(h0[:], sum[:])
	return h0
}

// fill fills a quarter of b (RFC 9106 §3.4): each block from the one before and another, which in the
// first half of the first pass does not depend on the password.
func fill(b []block, pass, slice, passes uint32) {
	n := uint32(len(b))
	length := n / slices
	independent := pass == 0 && slice < slices/2
	var addresses, in, zero block
	next := func() {
		in[6]++
		processBlock(&addresses, &in, &zero)
		processBlock(&addresses, &addresses, &zero)
	}
	index := uint32(0)
	if independent {
		in[0], in[2], in[3], in[4], in[5] = uint64(pass), uint64(slice), uint64(n), uint64(passes), kind
	}
	if pass == 0 && slice == 0 {
		next()
		index = 2 // two blocks are there
	}
	for ; index < length; index++ {
		at := slice*length + index
		before := (at + n - 1) % n
		random := b[before][0]
		if independent {
			if index%words == 0 {
				next()
			}
			random = addresses[index%words]
		}
		other := pick(random, n, pass, slice, index)
		if pass == 0 {
			processBlock(&b[at], &b[before], &b[other]) // what is there is of another hash
			continue
		}
		processBlockXOR(&b[at], &b[before], &b[other])
	}
}

// pick maps random to one of the blocks that may be used (RFC 9106 §3.4.2): nearer ones more often.
func pick(random uint64, n, pass, slice, index uint32) uint32 {
	length := n / slices
	area, start := 3*length+index-1, (slice+1)%slices*length
	if pass == 0 {
		area, start = slice*length+index-1, 0
	}
	x := random & 0xffffffff
	x = x * x >> 32 * uint64(area) >> 32
	return (start + area - 1 - uint32(x)) % n
}
