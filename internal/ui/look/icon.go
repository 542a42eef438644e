package look

import (
	"bytes"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"

	"portillon/assets"
)

// Icon names one of the house's own drawings, assets/icons/NAME.svg.
type Icon string

// The icons.
const (
	IconBack       Icon = "back"
	IconBackspace  Icon = "backspace"
	IconBattery    Icon = "battery"
	IconCheck      Icon = "check"
	IconCheckbox   Icon = "checkbox"
	IconCheckboxOn Icon = "checkbox-on"
	IconClock      Icon = "clock"
	IconClose      Icon = "close"
	IconError      Icon = "error"
	IconEye        Icon = "eye"
	IconEyeOff     Icon = "eye-off"
	IconGate       Icon = "gate"
	IconGlobe      Icon = "globe"
	IconHelp       Icon = "help"
	IconKey        Icon = "key"
	IconNoWifi     Icon = "no-wifi"
	IconPhone      Icon = "phone"
	IconPower      Icon = "power"
	IconRestart    Icon = "restart"
	IconReturn     Icon = "return"
	IconShift      Icon = "shift"
	IconShiftLock  Icon = "shift-lock"
	IconShiftOn    Icon = "shift-on"
	IconSpace      Icon = "space"
	IconTextSize   Icon = "text-size"
	IconWarning    Icon = "warning"
	IconWifi       Icon = "wifi"
)

// Icons lists every icon.
func Icons() []Icon {
	return []Icon{IconBack, IconBackspace, IconBattery, IconCheck, IconCheckbox, IconCheckboxOn, IconClock,
		IconClose, IconError, IconEye, IconEyeOff, IconGate, IconGlobe, IconHelp, IconKey, IconNoWifi, IconPhone,
		IconPower, IconRestart, IconReturn, IconShift, IconShiftLock, IconShiftOn, IconSpace, IconTextSize, IconWarning, IconWifi}
}

// Draw is the icon in a colour of the palette. The name holds the colour, by which
// Fyne keeps its rendering. A name that is no icon draws nothing: a test holds
// Icons against the folder.
func (i Icon) Draw(c color.NRGBA) fyne.Resource {
	svg, err := assets.Icons.ReadFile("icons/" + string(i) + ".svg")
	if err != nil {
		svg = []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"></svg>`)
	}
	hex := fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
	return fyne.NewStaticResource(fmt.Sprintf("%s-%s.svg", i, hex[1:]),
		bytes.ReplaceAll(svg, []byte("currentColor"), []byte(hex)))
}

// AppIcon is the program's own icon, for the window.
func AppIcon() fyne.Resource { return fyne.NewStaticResource("portillon.png", assets.Icon) }
