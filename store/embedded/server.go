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

// Options change how a server is started. They do not change a server that runs already.
type Options struct {
	// Fast is for tests: it may lose the last commits if the server is killed, and the cluster in a
	// power failure.
	Fast bool
	// Settings are settings of postgresql.conf for this start, such as "max_connections": "200". They
	// override Fast and the package's defaults: 100 connections and 128 MB of shared buffers.
	Settings map[string]string
}

// A Server is this process's use of a running PostgreSQL, until Close. Without Close, garbage collection
// ends the use, but does not stop the server.
type Server struct {
	url   url.URL
	close func() error
}

// Start starts the server of the folder dir, or joins it if it runs, and makes the cluster if there is
// none. dir need not exist, and must not hold other files. If the server does not start, the error ends
// with the last lines of its log. When ctx ends first, Start stops a server that it has started.
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

// URL returns the address of a database for the superuser, dossiersync. To log in as another role, put
// its name and password in place of the superuser's.
func (s *Server) URL(database string) string {
	at := s.url
	at.Path = "/" + database
	return at.String()
}

// Close ends this use of the server, and stops the server if no other process uses it. Further calls
// return the result of the first.
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

// leave releases users, the lock that stands for this use, and stops the server if no other process
// holds it. The caller holds the gate.
func (c *cluster) leave(users *lock) error {
	last, err := users.try(syscall.LOCK_EX)
	if last {
		err = c.stop()
	}
	return errors.Join(err, users.release())
}

// up returns the server when it accepts connections, and starts it if needed. The caller holds the gate,
// so a server that is starting or stopping was left behind by a process that was killed.
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
		// The port is part of the socket's name. Without it PGPORT would count.
		RawQuery: url.Values{"host": {socket}, "port": {"5432"}}.Encode(),
	}, nil
}
