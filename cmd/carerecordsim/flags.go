package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/carerecord"
	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

const defaultClients = 20

type flags struct {
	Listen   string `default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free port (default ${default})."`
	PortFile string `type:"path" placeholder:"FILE" help:"Write the port to this file once the server listens."`

	Clients    *int    `placeholder:"N" help:"Number of fictional clients (default 20; none with --load or --cases)."`
	Years      float64 `default:"1" help:"Years of history (default ${default})."`
	Seed       uint64  `default:"1" help:"Seed; another seed makes other people (default ${default})."`
	TenantName string  `default:"Amaris" placeholder:"NAME" help:"Name of the care organisation (default ${default})."`

	Load  string        `type:"existingdir" placeholder:"DIR" help:"Serve the FHIR resources in the JSON and NDJSON files of this folder, unchanged."`
	Cases string        `placeholder:"all|12,27-31" help:"Add a client for each of these hard cases: casus-12 and so on."`
	State string        `type:"path" placeholder:"FILE" help:"Keep the generated dossiers in this file when the simulator ends, and go on from it."`
	Live  time.Duration `placeholder:"10s" help:"Make a change, and play a step of the cases, at this interval."`

	Behaves     string        `placeholder:"NAME" help:"Behave like another server: hapi, medplum, medmij, linuxforhealth, smart-bulk, unordered, one-sided, azure, sloppy, plain."`
	Mishap      string        `placeholder:"NAME" help:"Lose rights without telling: empty, refused, unseen=TYPE, forbidden=TYPE, client=ID, tag=CODE, without=MEMBER, pages=N, with commas between them. It begins at once; SIGUSR1 ends it, and begins it again."`
	SearchCache time.Duration `placeholder:"5s" help:"Repeat the answer to the same search for this long."`
	PageLife    time.Duration `placeholder:"1m" help:"Expire next links after this long."`
	Faults      string        `type:"existingfile" placeholder:"FILE" help:"Inject the faults of this YAML file."`

	TokenFile string `type:"existingfile" placeholder:"FILE" help:"Require the bearer token in this file."`
}

// Validate is called by kong.
func (f *flags) Validate() error {
	switch {
	case f.Clients != nil && (*f.Clients < 0 || *f.Clients > 5000):
		return errors.New("--clients must be between 0 and 5000")
	case f.Years < 0 || f.Years > 30:
		return errors.New("--years must be between 0 and 30")
	case f.Live < 0:
		return errors.New("--live must not be negative")
	case f.SearchCache < 0 || f.PageLife < 0:
		return errors.New("--search-cache and --page-life must not be negative")
	case f.Live > 0 && f.clients() == 0 && f.Cases == "":
		return errors.New("--live needs --clients or --cases")
	}
	return nil
}

func (f *flags) clients() int {
	switch {
	case f.Clients != nil:
		return *f.Clients
	case f.Load != "" || f.Cases != "":
		return 0
	default:
		return defaultClients
	}
}

// options reads the files that the flags name.
func (f *flags) options(now time.Time) (carerecord.Options, error) {
	o := carerecord.Options{
		Listen:   f.Listen,
		Dossiers: dossiers.Options{Clients: f.clients(), Years: f.Years, Seed: f.Seed, Organisation: f.TenantName},
		Load:     f.Load,
		State:    f.State,
		Live:     f.Live,
	}
	var err error
	if o.Server.Token, err = readToken(f.TokenFile); err != nil {
		return o, err
	}
	if f.Cases != "" {
		if o.Cases, err = cases.Parse(f.Cases, now); err != nil {
			return o, fmt.Errorf("--cases: %w", err)
		}
	}
	if o.Behaviour, err = f.behaviour(); err != nil {
		return o, fmt.Errorf("--behaves: %w", err)
	}
	if f.Mishap != "" {
		if o.Mishap, err = simulator.ParseMishap(f.Mishap); err != nil {
			return o, fmt.Errorf("--mishap: %w", err)
		}
	}
	if f.Faults != "" {
		content, err := os.ReadFile(f.Faults)
		if err != nil {
			return o, err
		}
		if o.Faults, err = faults.Parse(f.Faults, content); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (f *flags) behaviour() (behaviours.Preset, error) {
	name := f.Behaves
	if name == "" {
		name = "honest"
	}
	p, err := behaviours.Find(name)
	if f.SearchCache > 0 {
		p.Behaviour.SearchCache = f.SearchCache
	}
	if f.PageLife > 0 {
		p.Behaviour.PageLife = f.PageLife
	}
	return p, err
}

func readToken(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", fmt.Errorf("--token-file: %s is empty", file)
	}
	return token, nil
}

// firstClient returns the id of a client for the examples, or "".
func firstClient(s *simulator.Server) string {
	if list := s.List("Patient"); len(list) > 0 {
		return list[0].ID
	}
	return ""
}
