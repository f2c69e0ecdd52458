package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	superuser = "dossiersync"

	startTimeout = 2 * time.Minute // recovery after a crash included
	stopTimeout  = time.Minute
)

// Options say how to start a server. One that runs already is joined as it is.
type Options struct {
	// Fast risks the last commits if the server is killed, and the cluster in
	// a power failure. For tests.
	Fast bool
	// Settings are of postgresql.conf, for this time only, like
	// "max_connections": "200". They override Fast and the package's own:
	// 100 connections and 128 MB of shared buffers.
	Settings map[string]string
}

// A Server is one use of a running PostgreSQL, until Close. It must not be
// forgotten: garbage collection ends the use, but stops nothing.
type Server struct {
	url   url.URL
	close func() error
}

// Start starts the server of the folder dir, or joins it where it runs, and
// makes the cluster where there is none. dir may not exist yet, and must hold
// nothing else. The error of a server that does not start ends with the last
// lines of its log. Start returns early when ctx ends, and then leaves no server
// behind that it started.
func Start(ctx context.Context, dir string, opts Options) (*Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("the server does not start"))
	defer cancel()
	s, err := start(ctx, dir, opts)
	if err != nil {
		return nil, fmt.Errorf("start the PostgreSQL in %s: %w", dir, err)
	}
	return s, nil
}

func start(ctx context.Context, dir string, opts Options) (_ *Server, err error) {
	c, err := openCluster(dir)
	if err != nil {
		return nil, err
	}
	gate, err := acquire(ctx, c.path(gateName), syscall.LOCK_EX, c.own)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gate.release()) }()
	users, err := acquire(ctx, c.path(usersName), syscall.LOCK_SH, c.own)
	if err != nil {
		return nil, err
	}
	pm, err := c.up(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, c.leave(users))
	}
	at, err := c.url(pm.socket)
	if err != nil {
		return nil, errors.Join(err, c.leave(users))
	}
	return &Server{at, sync.OnceValue(func() error { return c.close(users) })}, nil
}

// URL returns where to connect to database as the superuser, dossiersync. For
// another role, which must have a password, put it in the place of the
// superuser's.
func (s *Server) URL(database string) string {
	at := s.url
	at.Path = "/" + database
	return at.String()
}

// Close ends this use of the server, and stops the server if nobody else uses
// it. Only the first call counts.
func (s *Server) Close() error {
	if err := s.close(); err != nil {
		return fmt.Errorf("leave the embedded PostgreSQL: %w", err)
	}
	return nil
}

func (c *cluster) close(users *lock) (err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), startTimeout,
		errors.New("another process does not finish starting or stopping the server"))
	defer cancel()
	gate, err := acquire(ctx, c.path(gateName), syscall.LOCK_EX, c.own)
	if err != nil {
		return errors.Join(err, users.release())
	}
	defer func() { err = errors.Join(err, gate.release()) }()
	return c.leave(users)
}

// leave gives up the use that users stands for, and stops the server if it was
// the last. The caller holds the gate.
func (c *cluster) leave(users *lock) error {
	last, err := users.try(syscall.LOCK_EX)
	if last {
		err = c.stop()
	}
	return errors.Join(err, users.release())
}

// up sees to it that the server answers. The caller holds the gate, so a server
// that is just starting or stopping was left behind by a process that was killed.
func (c *cluster) up(ctx context.Context, opts Options) (postmaster, error) {
	if err := c.initialise(ctx, opts.Fast); err != nil {
		return postmaster{}, err
	}
	for {
		pm, err := c.postmaster()
		if err != nil {
			return pm, err
		}
		running, err := c.running(pm)
		if err != nil {
			return pm, err
		}
		if running {
			if ready, err := c.ready(ctx, pm); ready || err != nil {
				return pm, err
			}
		} else if err := c.launch(ctx, pm, opts); err == nil {
			continue
		} else if !errors.Is(err, errHeld) {
			return pm, err
		}
		select {
		case <-ctx.Done():
			return pm, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// url returns the address of the server whose socket is in that folder.
func (c *cluster) url(socket string) (url.URL, error) {
	password, err := os.ReadFile(c.path(passwordName))
	if err != nil {
		return url.URL{}, err
	}
	return url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(superuser, strings.TrimSpace(string(password))),
		// The port is in the socket's name; said here, PGPORT does not count.
		RawQuery: url.Values{"host": {socket}, "port": {"5432"}}.Encode(),
	}, nil
}
