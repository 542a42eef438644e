package vm

import (
	"encoding/json"
	"strings"
)

// Line is one line of portillon's log, from the serial line.
type Line struct {
	Msg    string `json:"msg"`
	Screen string `json:"screen"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Lines are portillon's log so far.
func (v *VM) Lines() []Line {
	var out []Line
	for text := range strings.Lines(v.Said()) {
		i := strings.Index(text, `{"time"`)
		if i < 0 {
			continue
		}
		var l Line
		if json.Unmarshal([]byte(strings.TrimRight(strings.SplitAfterN(text[i:], "\x1b", 2)[0], "\x1b\r\n")), &l) == nil {
			out = append(out, l)
		}
	}
	return out
}
