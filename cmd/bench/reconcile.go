package main

import (
	"context"
	"fmt"
)

// reconcile compares a reconcile with reading the same pages: fetching and decoding the
// envelopes of everything in the source.
func reconcile() row {
	return row{name: "B4", what: "reconcile of all ids against reading the same pages", goal: 0.65,
		tried: "a table for each run, without an index, filled by COPY that does not wait for the disk; one pass over the " +
			"replica for all types. The rest is as much hashing and encoding for COPY as decoding, and the pass. Digests " +
			"of ranges of keys in place of the list would save both, and were not tried",
		measure: func(ctx context.Context, s *setup) (result, error) {
			url, err := s.stored(ctx, s.many)
			if err != nil {
				return result{}, err
			}
			compare := job{Do: "reconcile", Database: url, Source: s.source(s.many)}
			read := job{Do: "list", Source: s.source(s.many)}
			if _, err := s.work(ctx, read); err != nil { // the first request builds the pages
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
			reconciling, spread := fastest(compared)
			listing, spreadLists := fastest(lists)
			if listing.Items != int64(s.many) {
				return result{}, fmt.Errorf("%d of %d records were listed", listing.Items, s.many)
			}
			return result{
				ratio: listing.Took.Seconds() / reconciling.Took.Seconds(), noise: max(spread, spreadLists), phases: reconciling.Phases,
				notes: []string{
					fmt.Sprintf("reconcile %s, %s; %d requests, %d MB, %d statements", seconds(reconciling.Took),
						reconciling.processor(), reconciling.Requests, reconciling.Bytes>>20, reconciling.Statements),
					fmt.Sprintf("reading %s: source %s, decode %s", seconds(listing.Took),
						seconds(listing.Phases[0].Took), seconds(listing.Phases[1].Took)),
				},
			}, nil
		}}
}
