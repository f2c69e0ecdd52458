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
			const runs = 5 // in each process
			var few, many []measure
			for range s.times {
				for _, of := range []struct {
					items int
					all   *[]measure
				}{{s.few, &few}, {s.many, &many}} {
					url, err := s.stored(ctx, of.items)
					if err != nil {
						return result{}, err
					}
					some, err := s.work(ctx, job{Do: "sync", Database: url, Source: s.source(of.items), Times: runs})
					if err != nil {
						return result{}, err
					}
					*of.all = append(*of.all, some[1:]...) // the first run also warms up
				}
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
