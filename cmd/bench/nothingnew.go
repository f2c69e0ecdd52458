package main

import (
	"context"
	"fmt"
)

// nothingNew compares a run that finds nothing new where much is stored with one
// where little is.
func nothingNew() row {
	return row{name: "B2", what: "a run with nothing new, much stored against little", goal: 1.2, most: true,
		measure: func(ctx context.Context, s *stage) (result, error) {
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
					*of.all = append(*of.all, some[1:]...) // the first has to get going
				}
			}
			little, spread := best(few)
			much, spreadMany := best(many)
			res := result{ratio: much.Took.Seconds() / little.Took.Seconds(), noise: max(spread, spreadMany), phases: much.phases()}
			for _, of := range []struct {
				items int
				m     measure
			}{{s.few, little}, {s.many, much}} {
				res.notes = append(res.notes, fmt.Sprintf("%d items stored: %.1f ms, %d requests, %d statements",
					of.items, of.m.Took.Seconds()*1000, of.m.Requests, of.m.Statements))
			}
			return res, nil
		}}
}
