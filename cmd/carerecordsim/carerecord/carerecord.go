// Package carerecord combines the simulator's packages into a running care record system:
// a server that listens, filled with fictional dossiers, cases and files, with a behaviour,
// faults and changes over time. The command carerecordsim is this package behind flags; the
// demo runs it in its own process.
package carerecord

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/load"
	"dossiersync/cmd/carerecordsim/simulator"
)

// Options describe a system. The zero value is an organisation without clients, on a free port.
type Options struct {
	Listen string // host:port; default: 127.0.0.1:0

	// Dossiers are the generated dossiers. With Load or Cases none are generated
	// unless it asks for clients.
	Dossiers dossiers.Options
	Load     string       // folder of FHIR resources to serve unchanged; "": none
	Cases    []cases.Case // with Live one step at a time, else all at once

	Server    simulator.Options
	Behaviour behaviours.Preset // replaces the behaviour in Server if it has a name
	Faults    faults.File
	Mishap    *simulator.Mishap // from the start; nil: none

	// State is a file that keeps the generated dossiers, as they are when Run ends, for the next
	// process. Empty: none.
	State    string
	Live     time.Duration         // interval of changes; 0: no changes
	OnChange func(dossiers.Change) // called after each change; may be nil
	OnFault  func(faults.Event)    // may be nil
}

// System is a care record system. It listens; Run answers.
type System struct {
	Server *simulator.Server
	Faults *faults.Injector
	Loaded load.Summary

	listener  net.Listener
	living    *dossiers.Living // nil: no changes
	player    *player          // nil: no steps are left
	state     string
	generated time.Time
}

// Open fills a server and listens. Run must follow, because it closes the listener.
func Open(o Options) (*System, error) {
	if o.Server.Clock == nil {
		o.Server.Clock = time.Now
	}
	if o.Server.Zone == nil {
		zone, err := time.LoadLocation("Europe/Amsterdam")
		if err != nil {
			return nil, err
		}
		o.Server.Zone = zone
	}
	if o.Behaviour.Name != "" {
		o.Behaviour.Apply(&o.Server)
	}
	s := &System{Faults: faults.New(
		faults.Options{Seed: o.Faults.Seed, BasePath: o.Server.BasePath, Clock: o.Server.Clock, OnFault: o.OnFault},
		slices.Concat(o.Faults.Rules, o.Behaviour.Rules)...,
	)}
	o.Server.Layers = append(slices.Clone(o.Server.Layers), s.Faults.Layer)
	s.Server = simulator.New(o.Server)
	s.Server.SetMishap(o.Mishap)
	if err := s.fill(o); err != nil {
		return nil, err
	}
	var err error
	if s.listener, err = net.Listen("tcp", cmp.Or(o.Listen, "127.0.0.1:0")); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Listen, err)
	}
	return s, nil
}

func (s *System) fill(o Options) error {
	if o.Load != "" {
		var err error
		if s.Loaded, err = load.Into(s.Server, o.Load, o.Server.Clock()); err != nil {
			return err
		}
	}
	if o.Dossiers.Clients > 0 || o.Load == "" && o.Cases == nil {
		if err := s.generate(o); err != nil {
			return err
		}
	}
	return s.playCases(o)
}

func (s *System) generate(o Options) error {
	if o.Dossiers.Now.IsZero() {
		o.Dossiers.Now = o.Server.Clock()
	}
	kept, err := readState(o.State)
	if err != nil {
		return err
	}
	begun := o.Dossiers.Now
	if kept != nil {
		o.Dossiers.Now = kept.Generated
	}
	s.state, s.generated = o.State, o.Dossiers.Now
	d, err := dossiers.Generate(o.Dossiers)
	if err != nil {
		return err
	}
	if err := s.putAll(d, kept); err != nil {
		return err
	}
	d.Writes = nil
	debug.FreeOSMemory() // the history took twice the memory that is needed from here on
	if o.Live > 0 {
		s.living = dossiers.NewLiving(d, s.Server, dossiers.LivingOptions{
			Every: o.Live, Clock: o.Server.Clock, OnChange: o.OnChange,
			// Changes of an earlier process have used the lower numbers.
			Steps: int(begun.Sub(s.generated) / time.Second),
		})
	}
	return nil
}

// putAll puts the dossiers, or the resources of a state that was kept.
func (s *System) putAll(d *dossiers.Dossiers, kept *state) error {
	if kept == nil {
		return d.Fill(s.Server)
	}
	for _, raw := range kept.resources {
		if _, err := s.Server.PutAsIs(kept.Generated, raw); err != nil {
			return fmt.Errorf("read the state: %w", err)
		}
	}
	return nil
}

// Run answers requests and makes changes until ctx ends.
func (s *System) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Server.Run(ctx, s.listener) })
	if s.living != nil {
		g.Go(func() error { return s.living.Run(ctx) })
	}
	if s.player != nil {
		g.Go(func() error { return s.player.run(ctx) })
	}
	return errors.Join(g.Wait(), s.writeState())
}

// URL returns the FHIR base URL, as seen from this machine.
func (s *System) URL() string {
	host := s.ip().String()
	if s.ip().IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port())) + s.Server.BasePath()
}

// Port returns the port that the server listens on.
func (s *System) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Loopback reports whether only this machine can reach the server.
func (s *System) Loopback() bool { return s.ip().IsLoopback() }

func (s *System) ip() net.IP { return s.listener.Addr().(*net.TCPAddr).IP }
