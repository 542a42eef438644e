package demo

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Display is a virtual screen (Xvfb).
type Display struct {
	*process
	Name string // ":7"
}

// StartDisplay starts a screen of size "1280x800" on a free number. Access control
// is off: the display holds nothing but the demonstration, and the tablet may run as another user.
func StartDisplay(size string) (*Display, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", size+"x24", "-nolisten", "tcp", "-noreset", "-ac")
	cmd.ExtraFiles = []*os.File{w}
	p, err := start(cmd)
	w.Close()
	if err != nil {
		return nil, err
	}
	if err := r.SetReadDeadline(time.Now().Add(readyLimit)); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("Xvfb: %w: %w", ErrNotReady, err)
	}
	return &Display{process: p, Name: ":" + strings.TrimSpace(line)}, nil
}
