package look

import "image/color"

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff}
}

// Ordinary is the palette of screens.md: ink on white, one accent.
func Ordinary() Palette {
	return Palette{
		Ink: rgb(0x14213D), Muted: rgb(0x4A5672),
		Ground: rgb(0xF4F6FA), Card: rgb(0xFFFFFF), Line: rgb(0x818CA3),
		Accent: rgb(0x1F4E9E), AccentHover: rgb(0x1A4285), AccentPressed: rgb(0x14346A), Focus: rgb(0x2F6FD6),
		OnAccent: rgb(0xFFFFFF),
		OK:       rgb(0x1B7F4B), Warning: rgb(0x8A5200), Error: rgb(0xB3261E),
		KeyboardGround: rgb(0xDDE2EC), Key: rgb(0xFFFFFF), KeyAccentual: rgb(0xC3CBDA), KeyPress: rgb(0x9DB9EA),
		KeyInk:   rgb(0x14213D),
		Disabled: rgb(0xE3E7EF), OnDisabled: rgb(0x59647C),
	}
}

// HighContrast is black and white, with the brightest of each signal colour.
func HighContrast() Palette {
	return Palette{
		Ink: rgb(0xFFFFFF), Muted: rgb(0xFFFFFF),
		Ground: rgb(0x000000), Card: rgb(0x000000), Line: rgb(0xFFFFFF),
		Accent: rgb(0xFFE14D), AccentHover: rgb(0xFFEB85), AccentPressed: rgb(0xE6C200), Focus: rgb(0x4DD2FF),
		OnAccent: rgb(0x000000),
		OK:       rgb(0x5BE49B), Warning: rgb(0xFFC46B), Error: rgb(0xFF8A80),
		KeyboardGround: rgb(0x000000), Key: rgb(0x1F1F1F), KeyAccentual: rgb(0x404040), KeyPress: rgb(0x7A6200),
		KeyInk:   rgb(0xFFFFFF),
		Disabled: rgb(0x2B2B2B), OnDisabled: rgb(0xC8C8C8),
	}
}
