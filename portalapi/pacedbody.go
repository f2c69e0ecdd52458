package portalapi

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// uploadTime limits an upload of all grants, from its first byte to the answer; sendTime limits
	// the sending of the answer.
	uploadTime = 5 * time.Minute
	sendTime   = 30 * time.Second
	// paceBytes must arrive within paceTime: the minimum rate of an upload.
	paceBytes = 64 << 10
	paceTime  = 30 * time.Second
)

// pacedBody is a request body that must arrive at a minimum rate. Only the time spent waiting for
// bytes counts, not the time between two reads.
type pacedBody struct {
	io.ReadCloser
	rc    *http.ResponseController
	end   time.Time     // of the whole upload
	wait  time.Duration // how long each paceBytes may take
	left  time.Duration // what is left of wait for the current paceBytes
	got   int           // bytes of the current paceBytes
	ended bool          // the body was read to its end
}

// paceBody gives the connection the time of an upload, and makes the body fail if paceBytes take
// longer than wait.
func (c *call) paceBody(wait time.Duration) (*pacedBody, error) {
	b := &pacedBody{
		ReadCloser: c.r.Body, rc: http.NewResponseController(c.w),
		end: time.Now().Add(uploadTime), wait: wait, left: wait,
	}
	if err := b.setDeadline(b.end); err != nil {
		return nil, err
	}
	if err := b.rc.SetWriteDeadline(b.end.Add(sendTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	c.r.Body = b
	return b, nil
}

// Read implements io.Reader. It fails with [os.ErrDeadlineExceeded] when bytes come too slowly.
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()
	deadline := began.Add(b.left)
	if deadline.After(b.end) {
		deadline = b.end
	}
	if err := b.setDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(began)
	if b.got += n; b.got >= paceBytes {
		b.got, b.left = 0, b.wait
	}
	if b.ended = errors.Is(err, io.EOF); err != nil && !b.ended {
		return n, err
	}
	// The server cancels a request when its connection cannot be read, so the short deadline must
	// not stay until the next Read or the answer.
	if deadlineErr := b.setDeadline(b.end); deadlineErr != nil {
		return n, deadlineErr
	}
	return n, err
}

// abort limits how long the server waits for the part of the body that was not read.
func (b *pacedBody) abort() {
	if !b.ended {
		_ = b.setDeadline(time.Now().Add(b.left))
	}
}

// setDeadline sets the read deadline, where the server supports deadlines.
func (b *pacedBody) setDeadline(t time.Time) error {
	if err := b.rc.SetReadDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
