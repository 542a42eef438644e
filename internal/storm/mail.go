package storm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"portillon/internal/identity"
)

// look is how often a student looks for the mail.
const look = time.Second

// codeLine is a code on a line of its own, as the service mails it.
var codeLine = regexp.MustCompile(`(?m)^\d{4,8}$`)

// Mailbox reads codes in a demonstration's mailbox at base, where it shows them over HTTP. The
// result is an Options.Mail.
func Mailbox(base string, client *http.Client) func(context.Context, identity.Email, time.Time) (string, error) {
	return func(ctx context.Context, to identity.Email, since time.Time) (string, error) {
		for {
			code, err := newest(ctx, client, base, to, since)
			if code != "" || err != nil {
				return code, err
			}
			if err := wait(ctx, look); err != nil {
				return "", err
			}
		}
	}
}

const maxMailbox = 1 << 20

// newest is "" while there is no code.
func newest(ctx context.Context, client *http.Client, base string, to identity.Email, since time.Time) (_ string, err error) {
	// A test's address, in a test's mailbox on this machine.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/messages?to="+url.QueryEscape(to.Address()), nil)
	if err != nil {
		return "", fmt.Errorf("mailbox: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return "", errors.New("mailbox: no answer") // the cause names the address
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	var mails []struct {
		Text       string    `json:"text"`
		ReceivedAt time.Time `json:"received_at"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxMailbox)).Decode(&mails); err != nil {
		return "", fmt.Errorf("mailbox: %w", err)
	}
	if len(mails) == 0 || mails[0].ReceivedAt.Before(since.Truncate(time.Second)) {
		return "", nil
	}
	return codeLine.FindString(mails[0].Text), nil
}
