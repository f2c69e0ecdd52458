package main

import (
	"context"
	"fmt"
)

// nothingNew compares a run that finds nothing new in a large replica with one in a small
// replica.
func nothingNew() row {
	return row{name: "B2", what: "a run with nothing new, much stored against little", goal: 1.2, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			few, many, err := s.nothingNew(ctx)
			if err != nil {
				return result{}, err
			}
			small, spread := fastest(few)
			large, spreadMany := fastest(many)
			res := result{
				ratio: large.Took.Seconds() / small.Took.Seconds(), noise: max(spread, spreadMany), phases: large.Phases,
			}
			for _, of := range []struct {
				items int
				m     measure
			}{{s.few, small}, {s.many, large}} {
				res.notes = append(res.notes, fmt.Sprintf("%d items stored: %.1f ms, %d requests, %d statements",
					of.items, of.m.Took.Seconds()*1000, of.m.Requests, of.m.Statements))
			}
			return res, nil
		}}
}

// statements counts the statements of such a run, with BEGIN, COMMIT and the request of the run.
func statements() row {
	return row{name: "B2", what: "and its statements", goal: 40, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			_, many, err := s.nothingNew(ctx)
			if err != nil {
				return result{}, err
			}
			least, _ := fastest(many)
			return result{ratio: float64(least.Statements), unit: " statements"}, nil
		}}
}

// nothingNew does such runs in a small and in a large replica, once for all rows.
func (s *setup) nothingNew(ctx context.Context) (few, many []measure, err error) {
	const runs = 5 // in each process
	for range s.times {
		if len(s.idle[s.many]) >= s.times*(runs-1) {
			break
		}
		for _, items := range []int{s.few, s.many} {
			url, err := s.stored(ctx, items)
			if err != nil {
				return nil, nil, err
			}
			some, err := s.work(ctx, job{Do: "sync", Database: url, Source: s.source(items), Times: runs})
			if err != nil {
				return nil, nil, err
			}
			s.idle[items] = append(s.idle[items], some[1:]...) // the first run also warms up
		}
	}
	return s.idle[s.few], s.idle[s.many], nil
}
