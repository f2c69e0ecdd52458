package main

import (
	"context"
	"fmt"
)

// reconcile compares a reconcile with merely reading the same pages: fetching and
// decoding the envelopes of all that the source has.
func reconcile() row {
	return row{name: "B4", what: "reconcile of all ids against reading the same pages", goal: 0.5,
		tried: "a table for each run, without an index, filled by COPY; two passes over what is stored for all types; what is left is as much encoding for COPY as decoding, and one round trip for each batch",
		measure: func(ctx context.Context, s *stage) (result, error) {
			url, err := s.stored(ctx, s.many)
			if err != nil {
				return result{}, err
			}
			compare := job{Do: "reconcile", Database: url, Source: s.source(s.many)}
			read := job{Do: "list", Source: s.source(s.many)}
			if _, err := s.work(ctx, read); err != nil { // the pages are built for the first who asks
				return result{}, err
			}
			var compared, lists []measure
			for range s.times {
				some, err := s.work(ctx, compare)
				if err != nil {
					return result{}, err
				}
				compared = append(compared, some...)
				if some, err = s.work(ctx, read); err != nil {
					return result{}, err
				}
				lists = append(lists, some...)
			}
			whole, spread := best(compared)
			merely, spreadLists := best(lists)
			if merely.Items != int64(s.many) {
				return result{}, fmt.Errorf("%d of %d records were listed", merely.Items, s.many)
			}
			return result{
				ratio: merely.Took.Seconds() / whole.Took.Seconds(), noise: max(spread, spreadLists), phases: whole.phases(),
				notes: []string{
					fmt.Sprintf("reconcile %s, %s; %d requests, %d MB, %d statements", seconds(whole.Took), whole.processor(),
						whole.Requests, whole.Bytes>>20, whole.Statements),
					fmt.Sprintf("reading %s: source %s, decode %s", seconds(merely.Took), seconds(merely.Phases[0].Took), seconds(merely.Phases[1].Took)),
				},
			}, nil
		}}
}
