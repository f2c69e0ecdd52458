package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"dossiersync/store"
)

// manyTenants measures how long one worker takes for a slot of many tenants with nothing new.
func manyTenants() row {
	return row{name: "B9", what: "a slot of many tenants with nothing new, ms a tenant", goal: 50, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			m, err := s.measureSlots(ctx)
			each := func(d time.Duration) float64 { return float64(d.Milliseconds()) / float64(s.tenants) }
			return result{ratio: each(m.idle), unit: " ms", notes: []string{fmt.Sprintf(
				"%d tenants of %d records: first load %s, nothing new %s, so %.0f s for 300 tenants",
				s.tenants, s.each, seconds(m.first), seconds(m.idle), each(m.idle)*300/1000)}}, err
		}}
}

// manyTenantsMemory is the peak of that worker.
func manyTenantsMemory() row {
	return row{name: "B9", what: "and the worker's peak resident memory, in MiB", goal: 128, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			m, err := s.measureSlots(ctx)
			return result{ratio: float64(m.peak) / (1 << 20), unit: " MiB"}, err
		}}
}

// slots is what two slots of many tenants took: the first, with everything, and one with nothing new.
type slots struct {
	first, idle time.Duration
	peak        int64 // resident memory of the worker in bytes
}

func (s *setup) measureSlots(ctx context.Context) (m slots, err error) {
	if s.slots != nil {
		return *s.slots, nil
	}
	url, err := s.database(ctx, "bench_tenants")
	if err != nil {
		return m, err
	}
	var tenants []string
	for i := range s.tenants {
		tenants = append(tenants, fmt.Sprintf("%s%d", tenantID, i))
	}
	conf := filepath.Join(s.dir, "tenants.yaml")
	if err := os.WriteFile(conf, []byte(configText(url, s.source(s.each), tenants...)), 0o600); err != nil {
		return m, err
	}
	st, err := store.Open(ctx, url)
	if err != nil {
		return m, err
	}
	defer st.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "dossiersync"), "serve", "--only", "worker", "--config", conf)
	if err := cmd.Start(); err != nil {
		return m, err
	}
	defer func() {
		m.peak = highWater(cmd.Process.Pid)
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), ignoreExit(cmd.Wait()))
		if err == nil {
			s.slots = &m
		}
	}()
	for _, took := range []*time.Duration{&m.first, &m.idle} {
		if *took, err = slot(ctx, st, tenants); err != nil {
			return m, err
		}
	}
	return m, nil
}

// slot requests a run of each tenant, and waits until all have ended.
func slot(ctx context.Context, st *store.Store, tenants []string) (time.Duration, error) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		known, err := st.Tenants(ctx)
		switch {
		case err != nil:
			return 0, err
		case len(known) == len(tenants):
		case time.Since(began) > time.Minute:
			return 0, errors.New("the worker did not start")
		default:
			continue
		}
		break
	}
	began := time.Now()
	var asked []int64
	for _, tenant := range tenants {
		run, _, err := st.RequestRun(ctx, store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, By: "bench"})
		if err != nil {
			return 0, err
		}
		asked = append(asked, run.ID)
	}
	for {
		open := 0
		for _, state := range []store.RunState{store.RunWaiting, store.RunRunning} {
			runs, err := st.Runs(ctx, store.RunFilter{State: state, Limit: 1})
			if err != nil {
				return 0, err
			}
			open += len(runs)
		}
		if open == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	took := time.Since(began)
	for _, id := range asked {
		run, err := st.Run(ctx, id)
		if err != nil {
			return 0, err
		}
		if *run.Outcome != store.OutcomeComplete && *run.Outcome != store.OutcomePartial {
			return 0, fmt.Errorf("a run ended as %s", *run.Outcome)
		}
	}
	return took, nil
}
