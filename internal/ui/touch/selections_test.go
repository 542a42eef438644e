package touch

import (
	"errors"
	"testing"
)

// FuzzRoots: whatever a server says of itself, nothing panics.
func FuzzRoots(f *testing.F) {
	one := make([]byte, 32+4+8+40+8+24)
	one[16], one[20], one[21] = 3, 1, 1
	one[32+4+8] = 7
	one[32+4+8+39] = 1
	one[32+4+8+40+2] = 1
	f.Add(one)
	f.Add(one[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		roots, err := rootsOf(b)
		if err != nil && (!errors.Is(err, ErrUnsupported) || roots != nil) {
			t.Error(err)
		}
		if len(b) == len(one) && string(b) == string(one) && (len(roots) != 1 || roots[0] != 7) {
			t.Errorf("%v %v", roots, err)
		}
	})
}
