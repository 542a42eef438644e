// Package assets embeds what the program carries with it: fonts, icons and
// translations. It imports nothing of the project and decides nothing.
package assets

import "embed"

// Fonts holds Inter, cut to the characters the tablet draws, with its licence
// (fonts/OFL.txt). Only internal/ui/look reads it.
//
//go:embed fonts/*.ttf fonts/OFL.txt
var Fonts embed.FS

// Icons holds the house's own drawings, icons/NAME.svg, 24 units square, drawn
// in currentColor. Only internal/ui/look reads it.
//
//go:embed icons/*.svg
var Icons embed.FS

// Icon is the program's icon, a small gate (PNG, 512 pixels square).
//
//go:embed icon.png
var Icon []byte

// Image holds the definitions of the tablets' image, image/…: mkosi's own files, the tree
// that is laid over Debian's, and links.txt. Only internal/image reads it.
//
//go:embed all:image
var Image embed.FS
