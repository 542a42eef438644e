// Package image makes the tablets' image, and writes a centre's configuration to it.
// internal/ctl calls it for "portillonctl image …"; nothing else does.
//
// It assembles no disk by hand: mkosi does, in a tree of Debian 13 of its own (the
// build machine may be Debian 12), from the definitions in assets/image. What is to be
// done is first a value, Plan, which tests compare; then Apply does it.
//
//	assets/image ┐
//	Options ─────┴─ NewPlan ─→ Plan (files, links, steps) ─ Apply ─→ OUT/
//	host's apt sources ─ ReadMirror ─→ Options.Mirror
//
// On the disk, one partition belongs to the centre. It is written after the fact,
// without mkosi, and read once at each boot:
//
//	portillon.toml, .sig, fleet.csv, ca.pem ─ Bundle ─ Disk.WriteConfig ─→ partition
//	partition ─ ReadBundle ─ Adopt ─→ /run/portillon/portillon.toml, or refused.json
//	centre.update_uri ─ Pull ─→ Bundle ─ Take ─→ partition and /run/portillon
//
// The disk has two slots for a root file system. A later image goes into the one that is not in use, from
// outside, or in the tablet by two processes, one with the network and one with the disk:
//
//	image.json, .sig ─ LoadOffer ─→ Offer ─ Prepare ─→ Installation ─ Run ─→ slot, table, kernel
//	centre.update_uri ─ Fetch ═ socket ═ Receiver ─→ the same
package image
