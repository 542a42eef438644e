package guard

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jezek/xgb"
)

// words are a reply's, after its head with a count.
func words(n uint32, more ...uint32) []byte {
	b := make([]byte, replyHead+4*len(more))
	xgb.Put32(b[8:], n)
	for i, w := range more {
		xgb.Put32(b[replyHead+4*i:], w)
	}
	return b
}

func TestReplies(t *testing.T) {
	clients, err := readClients(words(3, 0x200000, resClientXID, 0, 0x200000, resLocalClientPID, 4, 77, 0x400000, resClientXID, 0))
	if err != nil || !slices.Equal(clients, []client{{0x200000, 77}, {0x400000, 0}}) {
		t.Errorf("%v %v", clients, err)
	}
	ids, err := readResources(words(2, 0x200001, 9, 64, 1, 1, 1, 5, 5, 5, 5, 5, 0x200002, 9, 64, 1, 1, 0))
	if err != nil || !slices.Equal(ids, []uint32{0x200001, 0x200002}) {
		t.Errorf("%v %v", ids, err)
	}
}

// FuzzReplies: whatever a server says, nothing panics.
func FuzzReplies(f *testing.F) {
	f.Add(words(1, 0x200000, resLocalClientPID, 4, 77))
	f.Add(words(1, 0x200000, resLocalClientPID, 1<<31, 77))
	f.Add(words(1<<31, 0x200001, 9, 64, 1, 1, 1<<30))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if clients, err := readClients(b); err != nil && (!errors.Is(err, errReply) || clients != nil) {
			t.Error(err)
		}
		if ids, err := readResources(b); err != nil && (!errors.Is(err, errReply) || ids != nil) {
			t.Error(err)
		}
	})
}

// TestDiary: what goes on is told ever less often, and what was over is news.
func TestDiary(t *testing.T) {
	d := diary{least: time.Second, seen: map[Kind]*entry{}}
	at := time.Unix(0, 0)
	var told []int
	for range 3600 { // an hour, once a second
		at = at.Add(time.Second)
		if before, tell := d.note(Focus, at); tell {
			told = append(told, before)
		}
	}
	want := []int{0, 0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 599, 599, 599, 599}
	if !slices.Equal(told, want) {
		t.Errorf("in an hour %v were told, not %v", told, want)
	}
	if _, tell := d.note(Covered, at); !tell {
		t.Error("another kind is not told")
	}
	at = at.Add(time.Hour)
	if _, tell := d.note(Focus, at); !tell {
		t.Error("an hour later nothing is told")
	}
	if _, tell := d.note(Focus, at.Add(time.Second)); !tell {
		t.Error("it is not told as new")
	}
}

func TestAncestors(t *testing.T) {
	all := Ancestors()
	if len(all) < 2 || all[0] != os.Getpid() || all[1] != os.Getppid() {
		t.Errorf("%v", all)
	}
	for stat, want := range map[string]int{"7 (a) b) S 41 7 7": 41, "7 (x) S": 0, "": 0, ")": 0} {
		if got := parent([]byte(stat)); got != want {
			t.Errorf("%q has the parent %d, not %d", stat, got, want)
		}
	}
}
