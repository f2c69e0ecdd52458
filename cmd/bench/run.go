package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

type runCmd struct {
	Quick   bool     `help:"Measure smaller numbers, in a minute, to see that it works. The ratios mean little."`
	Full    bool     `help:"Measure a million records and 300 tenants, in hours."`
	Only    []string `help:"Measure only these rows." placeholder:"B1,B2"`
	Items   int      `help:"Use this many records instead of 200,000, and proportionally fewer in small loads." placeholder:"N"`
	Data    string   `help:"The folder for the data, which is removed afterwards; default: ${default}." default:"data/bench" placeholder:"DIR"`
	Profile string   `help:"Write processor profiles of the worker into this folder." type:"existingdir" placeholder:"DIR"`
}

// Run implements the command.
func (c runCmd) Run(ctx context.Context, s streams) (err error) {
	began := time.Now()
	st, err := newSetup(ctx, c, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	fmt.Fprintf(s.out, "%d processors; PostgreSQL with fsync; best of %d; "+
		"phases overlap, so they add up to more than the whole\n",
		runtime.NumCPU(), st.times)
	for _, r := range rows() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, r.name) {
			continue
		}
		res, err := r.measure(ctx, st)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		r.print(s.out, res)
	}
	fmt.Fprintf(s.out, "%.0f s in all\n", time.Since(began).Seconds())
	return nil
}
