package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"portillon/internal/config"
	"portillon/internal/provider"
)

// options are the command line, read.
type options struct {
	config        *config.Config
	width, height float32 // 0: full screen
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("portillon", flag.ContinueOnError)
	file := flags.String("config", "/etc/portillon/portillon.toml", "the centre's configuration `FILE`")
	windowed := flags.String("windowed", "", "a window of `WxH` instead of the full screen (demonstration only)")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	c, err := config.Load(*file)
	if err != nil {
		return options{}, err
	}
	if err := provider.Supported(c); err != nil {
		return options{}, err
	}
	if err := labelled(c); err != nil {
		return options{}, err
	}
	o := options{config: c}
	if *windowed == "" {
		return o, nil
	}
	if c.Lockdown != config.LockdownOff {
		return options{}, fmt.Errorf("--windowed is for demonstrations: %s has lockdown = %q", *file, c.Lockdown)
	}
	if n, err := fmt.Sscanf(*windowed, "%gx%g", &o.width, &o.height); n != 2 || err != nil || o.width < 320 || o.height < 320 {
		return options{}, fmt.Errorf("--windowed %q: want WIDTHxHEIGHT, each at least 320", *windowed)
	}
	return o, nil
}

// labelled fills in the room and the tablet's label from the file that the image's boot puts beside
// the configuration, where the signed one leaves them open.
func labelled(c *config.Config) error {
	if c.Centre.Tablet != "" {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(c.Path), config.LabelFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var label struct {
		Room   string `json:"room"`
		Tablet string `json:"tablet"`
	}
	if err == nil {
		err = json.Unmarshal(b, &label)
	}
	if err != nil {
		return fmt.Errorf("label: %w", err)
	}
	c.Centre.Tablet = label.Tablet
	if label.Room != "" {
		c.Centre.Room = label.Room
	}
	return nil
}
