package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"dossiersync/config"
	"dossiersync/store"
)

// addHeartbeat adds what tells the database that this process is alive. note is
// [store.Store.NoteProcess], or the portal's; forget may be nil.
func (a *App) addHeartbeat(
	kinds []store.ProcessKind, note func(context.Context, store.Process) error, forget func(context.Context, string) error,
) error {
	tenants, err := configDigests(a.cfg)
	if err != nil {
		return err
	}
	p := store.Process{ID: rand.Text(), Kinds: kinds, Version: BuildInfo().String(), Tenants: tenants}
	p.Describe()
	a.services = append(a.services, func(ctx context.Context) error {
		beat(ctx, p, note, a.log)
		if forget != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := forget(ctx, p.ID); err != nil {
				a.log.Debug("the end of this process could not be stored", zap.Error(err))
			}
		}
		return nil
	})
	return nil
}

// beat tells the database every few seconds that the process is alive, until ctx ends. A
// failure is logged once, until it works again.
func beat(ctx context.Context, p store.Process, note func(context.Context, store.Process) error, log *zap.Logger) {
	tick := time.NewTicker(store.HeartbeatEvery)
	defer tick.Stop()
	failed := false
	for {
		err := note(ctx, p)
		if err != nil && !failed && ctx.Err() == nil {
			log.Warn("the database was not told that this process is alive", zap.Error(err))
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// kindsOf returns the kinds of a process that runs the parts which only names.
func kindsOf(only string) []store.ProcessKind {
	if only == "" {
		return []store.ProcessKind{store.ProcessWorker, store.ProcessPortal, store.ProcessOps}
	}
	return []store.ProcessKind{store.ProcessKind(only)}
}

// configDigests returns a digest of the configuration of each tenant. It has no secrets, and
// is the same in every process that has read the same configuration.
func configDigests(cfg *config.Config) (map[string]string, error) {
	digests := make(map[string]string, len(cfg.Tenants))
	for i := range cfg.Tenants {
		t := cfg.Tenants[i] // a copy
		zone, schedule, source := t.Location.String(), t.Schedule.Text, t.Source.FHIR
		base := source.BaseURL.Redacted()
		t.Location, t.Schedule, source.BaseURL, source.Auth = nil, config.Schedule{}, nil, config.Auth{}
		t.Source.FHIR = source
		text, err := json.Marshal([]any{zone, schedule, base, t})
		if err != nil {
			return nil, fmt.Errorf("digest the configuration of %s: %w", t.ID, err)
		}
		digests[t.ID] = fmt.Sprintf("%x", sha256.Sum256(text))[:12]
	}
	return digests, nil
}
