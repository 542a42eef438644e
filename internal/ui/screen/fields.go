package screen

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"portillon/internal/ui/field"
	"portillon/internal/ui/kit"
)

// inField gives a field its row. A field that could not be made takes no room.
func inField(_ Env, f fyne.CanvasObject) *kit.Fixed { return kit.NewFixed(f) }

// secretObject and codeObject are the fields, or nothing where the tablet grants
// no safe page: a nil pointer must not become a widget.
func secretObject(f *field.Secret) fyne.CanvasObject {
	if f == nil {
		return canvas.NewRectangle(nil)
	}
	return f
}

func codeObject(f *field.Code) fyne.CanvasObject {
	if f == nil {
		return canvas.NewRectangle(nil)
	}
	return f
}
