package kiosk

import (
	"context"
	"reflect"
	"time"

	"portillon/internal/login"
	"portillon/internal/supervisor"
)

// records are notes as the machine knows them, in the centre's time.
func records(notes []supervisor.Note, zone *time.Location) []login.Record {
	out := make([]login.Record, len(notes))
	for i, n := range notes {
		out[i] = login.Record{At: time.Unix(n.At, 0).In(zone), Screen: login.Screen(n.Screen), Kind: n.Kind}
	}
	return out
}

// note has the supervisor keep «Rapport» for the next process, once it has changed.
func (k *Kiosk) note() {
	now := login.Records(k.state)
	if reflect.DeepEqual(now, k.noted) {
		return
	}
	k.noted = now
	notes := make([]supervisor.Note, len(now))
	for i, r := range now {
		notes[i] = supervisor.Note{At: r.At.Unix(), Screen: string(r.Screen), Kind: r.Kind}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unkept = notes
	if !k.keeping {
		k.keeping = true
		go k.sendNotes()
	}
}

// sendNotes sends the newest notes, one list at a time: an older one must not come last.
func (k *Kiosk) sendNotes() {
	for {
		k.mu.Lock()
		notes := k.unkept
		k.unkept = nil
		k.keeping = notes != nil
		k.mu.Unlock()
		if notes == nil {
			return
		}
		ctx, cancel := context.WithTimeout(k.ctx, farewellLimit)
		if err := k.Supervisor.KeepNotes(ctx, notes); err != nil && k.ctx.Err() == nil {
			k.Log.Warn("notes", "error", err.Error())
		}
		cancel()
	}
}

// power asks for the machine to be switched off or started anew.
func (k *Kiosk) power(a login.PowerAction) {
	ctx, cancel := context.WithTimeout(k.ctx, requestLimit)
	defer cancel()
	p := supervisor.PowerOff
	if a == login.PowerRestart {
		p = supervisor.PowerRestart
	}
	if err := k.Supervisor.SwitchPower(ctx, p); err != nil {
		k.Log.Warn("power", "error", err.Error())
		k.Post(login.PowerRefused{})
	}
}
