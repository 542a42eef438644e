package ctl

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRenderer(t *testing.T) {
	card := func(name, driver string) string {
		drm := t.TempDir()
		dir := filepath.Join(drm, name, "device")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Symlink("/sys/bus/x/drivers/"+driver, filepath.Join(dir, "driver"))); err != nil {
			t.Fatal(err)
		}
		return drm
	}
	for driver, want := range map[string]string{"i915": "", "amdgpu": "", "virtio_gpu": "pixman", "simple-framebuffer": "pixman"} {
		if got, err := renderer(t.Context(), card("card0", driver), time.Minute); got != want || err != nil {
			t.Errorf("%s: %q, %v", driver, got, err)
		}
	}
	if _, err := renderer(t.Context(), card("card0-HDMI-A-1", "i915"), time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an output is no card: %v", err)
	}
}
