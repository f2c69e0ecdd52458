package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
)

// someChanged compares the rate at which a run stores changed records, one in a hundred, with that of
// the first load. The records have no order in the replica, as in life.
func someChanged() row {
	return row{name: "B3", what: "a run with 1 % changed, records a second against a first load", goal: 0.5,
		measure: func(ctx context.Context, s *setup) (result, error) {
			var loads, changes []measure
			for range s.times {
				m, err := s.load(ctx, s.many)
				if err != nil {
					return result{}, err
				}
				loads = append(loads, m)
				if m, err = s.loadChanged(ctx); err != nil {
					return result{}, err
				}
				changes = append(changes, m)
			}
			load, spread := fastest(loads)
			change, spreadChanges := fastest(changes)
			rate := func(m measure) float64 { return float64(m.Items) / m.Took.Seconds() }
			return result{
				ratio: rate(change) / rate(load), noise: max(spread, spreadChanges), phases: change.Phases,
				notes: []string{fmt.Sprintf("%d changed records in %s, %.0f a second, %s, %d statements; first load %.0f a second",
					change.Items, seconds(change.Took), rate(change), change.processor(), change.Statements, rate(load))},
			}, nil
		}}
}

// loadChanged runs once in a copy of the loaded replica while the source shows changed records.
func (s *setup) loadChanged(ctx context.Context) (m measure, err error) {
	if _, err := s.stored(ctx, s.many); err != nil {
		return m, err
	}
	const name = "bench_changed"
	from := pgx.Identifier{fmt.Sprintf("bench_%d", s.many)}.Sanitize()
	err = execute(ctx, s.server.URL("postgres"), "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name+" TEMPLATE "+from)
	if err != nil {
		return m, err
	}
	if err := s.showChanged(ctx, true); err != nil {
		return m, err
	}
	all, err := s.work(ctx, job{Do: "sync", Database: s.server.URL(name), Source: s.source(s.many)})
	if err != nil {
		return m, err
	}
	if all[0].Items != int64(s.many/100) {
		err = fmt.Errorf("%d of %d changed records were read", all[0].Items, s.many/100)
	}
	if after := s.showChanged(ctx, false); err == nil {
		err = after
	}
	return all[0], err
}

func (s *setup) showChanged(ctx context.Context, yes bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/changed/%t", s.source(s.many), yes), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
