package look

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Icon names one of the house's own drawings.
type Icon string

// The icons.
const (
	IconGate      Icon = "gate"
	IconWarning   Icon = "warning"
	IconError     Icon = "error"
	IconCheck     Icon = "check"
	IconEye       Icon = "eye"
	IconEyeOff    Icon = "eye-off"
	IconBackspace Icon = "backspace"
	IconShift     Icon = "shift"
	IconShiftLock Icon = "shift-lock"
	IconReturn    Icon = "return"
	IconPhone     Icon = "phone"
	IconBattery   Icon = "battery"
	IconWifi      Icon = "wifi"
	IconNoWifi    Icon = "no-wifi"
	IconHelp      Icon = "help"
	IconGlobe     Icon = "globe"
	IconBack      Icon = "back"
	IconClock     Icon = "clock"
	IconTextSize  Icon = "text-size"
)

// Draw is the icon in a colour of the palette.
func (i Icon) Draw(c color.NRGBA) fyne.Resource { return theme.HelpIcon() }
