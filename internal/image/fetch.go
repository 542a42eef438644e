package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"portillon/internal/config"
)

// FetchOptions is where a newer image comes from. All are required.
type FetchOptions struct {
	// PullOptions' URI is a directory with image.json, image.json.sig and the files it is of; Held is not
	// looked at.
	PullOptions
	// Running is the version that runs.
	Running string
	// Writer is a connection to the side that writes: Receiver's.
	Writer io.ReadWriter
	// Still is asked all the time; an error ends the fetching. It decides by itself how often it really looks.
	Still func() error
	// Stall is how long nothing may come.
	Stall time.Duration
}

// Fetch looks for an image of a later version, and passes it on as it comes: nothing of it is kept here. It fails with
// ErrNothingNewer, ErrServer, ErrDeclined, as VerifyOffer does, or with Still's error.
func Fetch(ctx context.Context, o FetchOptions) (Offer, error) {
	look, cancel := context.WithTimeout(ctx, PullLimit)
	defer cancel()
	key, err := config.LoadPublicKey(o.Key)
	if err != nil {
		return Offer{}, err
	}
	sig, err := o.get(look, OfferName+config.SignatureSuffix)
	if errors.Is(err, errNotThere) {
		return Offer{}, fmt.Errorf("%w: no image is offered", ErrNothingNewer)
	}
	if err != nil {
		return Offer{}, err
	}
	raw, err := o.get(look, OfferName)
	if err != nil {
		return Offer{}, err
	}
	offer, err := VerifyOffer(raw, sig, key, o.Now())
	if err != nil {
		return Offer{}, err
	}
	if !offer.Newer(o.Running) {
		return offer, fmt.Errorf("%w: version %s is offered, %s runs", ErrNothingNewer, offer.Version, o.Running)
	}
	return offer, offer.Send(o.Writer, raw, sig, func(file string) (io.ReadCloser, error) { return o.stream(ctx, file) })
}

// stream is a file as it comes. It ends with an error when nothing comes for o.Stall, or when Still says so.
func (o FetchOptions) stream(ctx context.Context, file string) (io.ReadCloser, error) {
	at, err := url.JoinPath(o.URI, file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stream{still: o.Still, stall: o.Stall, cancel: cancel}
	s.watch = time.AfterFunc(o.Stall, func() { cancel(fmt.Errorf("%w: nothing came for %s", ErrServer, o.Stall)) })
	answer, err := o.ask(ctx, at)
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w", file, errors.Join(err, context.Cause(ctx)))
	}
	s.ctx, s.body = ctx, answer.Body
	return s, nil
}

// ask sends one request; a redirect is no answer.
func (o PullOptions) ask(ctx context.Context, at string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	err = fmt.Errorf("%w: %s", ErrServer, answer.Status)
	if answer.StatusCode == http.StatusNotFound {
		err = errNotThere
	}
	return nil, errors.Join(err, answer.Body.Close())
}

// stream is a body that is watched.
type stream struct {
	ctx    context.Context //nolint:containedctx // the request's
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	still  func() error
	stall  time.Duration
	watch  *time.Timer
}

func (s *stream) Read(b []byte) (int, error) {
	if err := s.still(); err != nil {
		return 0, err
	}
	n, err := s.body.Read(b)
	s.watch.Reset(s.stall)
	if cause := context.Cause(s.ctx); cause != nil {
		err = cause
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrServer, err)
	}
	return n, err
}

func (s *stream) stop() {
	s.watch.Stop()
	s.cancel(nil)
}

func (s *stream) Close() error {
	s.stop()
	return s.body.Close()
}
