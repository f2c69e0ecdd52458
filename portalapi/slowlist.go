package portalapi

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"dossiersync/store"
)

// lists are the lists of all grants that are coming in: one of each tenant, and few
// in all. No tenant's slow list keeps another's out for as long as it likes.
type lists struct {
	most int
	wait time.Duration // see leastTime

	mu sync.Mutex
	of map[string]bool
}

// enter fails with [store.ErrListBusy] while a list of the tenant comes in, and with
// errCrowded while too many of others do. Else the caller has to leave.
func (l *lists) enter(tenant string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.of[tenant]:
		return store.ErrListBusy
	case len(l.of) >= l.most:
		return errCrowded
	}
	l.of[tenant] = true
	return nil
}

func (l *lists) leave(tenant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.of, tenant)
}

// takeTime gives the connection longer than others have, and the body no longer than
// wait for each leastSize bytes.
func (c *call) takeTime(wait time.Duration) (*pacedBody, error) {
	now := time.Now()
	b := &pacedBody{ReadCloser: c.r.Body, rc: http.NewResponseController(c.w), end: now.Add(listTime), wait: wait, left: wait}
	if err := b.until(b.end); err != nil {
		return nil, err
	}
	if err := b.rc.SetWriteDeadline(b.end.Add(sendTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	c.r.Body = b
	return b, nil
}

// pacedBody is a body that has to come at a least rate. What counts is the time that
// is spent waiting for it, and not what is done with it in between.
type pacedBody struct {
	io.ReadCloser
	rc   *http.ResponseController
	end  time.Time // of waiting at all
	wait time.Duration
	left time.Duration // of wait, for the bytes that got lacks of leastSize
	got  int
	done bool // all of it was read
}

// Read implements io.Reader. It fails with [os.ErrDeadlineExceeded].
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()
	deadline := began.Add(b.left)
	if deadline.After(b.end) {
		deadline = b.end
	}
	if err := b.until(deadline); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(began)
	if b.got += n; b.got >= leastSize {
		b.got, b.left = 0, b.wait
	}
	if b.done = errors.Is(err, io.EOF); err != nil && !b.done {
		return n, err
	}
	// Until the next Read, or the answer: the server ends a request whose connection
	// it cannot read from.
	if wrong := b.until(b.end); wrong != nil {
		return n, wrong
	}
	return n, err
}

// stop lets the server wait no longer for what was not read.
func (b *pacedBody) stop() {
	if !b.done {
		_ = b.until(time.Now().Add(b.left))
	}
}

// until waits until then for what comes in, unless it is served without deadlines.
func (b *pacedBody) until(then time.Time) error {
	if err := b.rc.SetReadDeadline(then); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
