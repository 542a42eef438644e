package realidp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"portillon/internal/rehearsal/mailbox"
)

// Person is an account at a server.
type Person struct {
	Email     string
	Secondary string // another address of the same account; empty: none
	Name      string // empty: none
	Password  string // empty: never made
	// State is what becomes of the right password: "disabled"; at CAS alone "locked", "expired" (the
	// password) and "interrupt" (a page stands in the way) too; empty: good.
	State string
}

// Add makes an account.
func (k *Kratos) Add(ctx context.Context, p Person) error {
	traits := object{"email": p.Email}
	if p.Secondary != "" {
		traits["secondary"] = p.Secondary
	}
	if p.Name != "" {
		traits["name"] = p.Name
	}
	body := object{"schema_id": "person", "traits": traits}
	if p.Password != "" {
		body["credentials"] = object{"password": object{"config": object{"password": p.Password}}}
	}
	if p.State == "disabled" {
		body["state"] = "inactive"
	}
	return k.admin(ctx, http.MethodPost, "/admin/identities", body, http.StatusCreated, nil)
}

// Clear removes all accounts, with their sessions and codes.
func (k *Kratos) Clear(ctx context.Context) error {
	var people []struct {
		ID string `json:"id"`
	}
	if err := k.admin(ctx, http.MethodGet, "/admin/identities?page_size=500", nil, http.StatusOK, &people); err != nil {
		return err
	}
	for _, p := range people {
		if err := k.admin(ctx, http.MethodDelete, "/admin/identities/"+p.ID, nil, http.StatusNoContent, nil); err != nil {
			return err
		}
	}
	return nil
}

const adminWithin = 10 * time.Second

// admin calls the administrator's API.
func (k *Kratos) admin(ctx context.Context, method, path string, body object, want int, into any) error {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+strconv.Itoa(k.adminPort)+path, r)
	if err != nil {
		return err
	}
	req.Close = true // the server may be another process next time
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: new(http.Transport), Timeout: adminWithin}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("realidp: %s %s: %s: %s", method, path, resp.Status, tail(text, 500))
	}
	if into != nil {
		return json.Unmarshal(text, into)
	}
	return nil
}

var codeLine = regexp.MustCompile(`(?m)^\d{6}$`)

// Codes lists the codes mailed to an address so far, oldest first.
func (k *Kratos) Codes(to string) []string { return codes(k.box, to) }

func codes(box *mailbox.Box, to string) (out []string) {
	for _, m := range slices.Backward(box.Messages(to)) { // newest first there
		out = append(out, codeLine.FindString(m.Text))
	}
	return out
}

// Complaints are the last n lines of the server's log that are warnings or worse.
func (k *Kratos) Complaints(n int) string {
	text, err := os.ReadFile(k.logFile())
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, line := range strings.Split(string(text), "\n") {
		var l struct {
			Level string `json:"level"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && slices.Contains([]string{"warning", "error", "fatal"}, l.Level) {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-n):], "\n")
}

// Request is one line of the server's own log: a request it has answered.
type Request struct {
	Method, Path, Query string
	Status              int
}

// Requests lists what the public API was asked, in the server's own words.
func (k *Kratos) Requests() ([]Request, error) {
	text, err := os.ReadFile(k.logFile())
	if err != nil {
		return nil, err
	}
	var out []Request
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			Msg     string `json:"msg"`
			Request struct {
				Method string  `json:"method"`
				Path   string  `json:"path"`
				Query  *string `json:"query"`
				Host   string  `json:"host"`
			} `json:"http_request"`
			Response struct {
				Status int `json:"status"`
			} `json:"http_response"`
		}
		// Not every line is JSON, and a line may still be growing: neither is a request.
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Msg != "completed handling request" ||
			!strings.HasSuffix(line.Request.Host, ":"+strconv.Itoa(k.publicPort)) {
			continue
		}
		r := Request{Method: line.Request.Method, Path: line.Request.Path, Status: line.Response.Status}
		if line.Request.Query != nil {
			r.Query = *line.Request.Query
		}
		out = append(out, r)
	}
	return out, lines.Err()
}
