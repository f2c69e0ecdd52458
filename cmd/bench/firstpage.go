package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	dossierCount = 2000 // dossiers, each read by a user of its own
	perDossier   = 40   // items
	connections  = 64
)

// firstPage compares the first page of the time line with a handler that only reads the
// same cards by one statement, without token, rights, row-level security and log.
func firstPage() row {
	return row{name: "B6", what: "first page of the time line against a bare SELECT", goal: 0.5,
		tried: "one call in one round trip, without BEGIN and COMMIT; generic plans kept; rights, standing and proof in one " +
			"statement of the function and cards in another; freshness kept in one row for each tenant; the log's commit " +
			"shared. Two thirds of the rest are PostgreSQL setting up the plans of these two statements with their " +
			"policies, a third is JSON, ETag and HTTP here",
		measure: func(ctx context.Context, s *setup) (result, error) {
			p, err := s.portal(ctx)
			if err != nil {
				return result{}, err
			}
			var whole, bare []load
			for range s.times {
				w, err := p.ask(ctx, p.api, p.requests())
				if err != nil {
					return result{}, err
				}
				b, err := p.ask(ctx, p.bare, p.bareRequests())
				if err != nil {
					return result{}, err
				}
				whole, bare = append(whole, w), append(bare, b)
			}
			w, spread := fastestLoad(whole)
			b, spreadBare := fastestLoad(bare)
			return result{ratio: w.rate() / b.rate(), noise: max(spread, spreadBare),
				notes: []string{
					fmt.Sprintf("%.0f pages a second, %s; 99%% within %.1f × of the bare handler's (goal ≤ 2.5)",
						w.rate(), w.latencies(), float64(w.latency(0.99))/float64(b.latency(0.99))),
					fmt.Sprintf("bare %.0f a second, %s; %d connections, %d dossiers", b.rate(), b.latencies(), connections, dossierCount),
				}}, nil
		}}
}

// unchanged compares the first page with asking whether it changed, when it did not.
func unchanged() row {
	return row{name: "B7", what: "the same, unchanged since If-None-Match, against B6", goal: 2,
		measure: func(ctx context.Context, s *setup) (result, error) {
			p, err := s.portal(ctx)
			if err != nil {
				return result{}, err
			}
			tags, err := p.tags(ctx)
			if err != nil {
				return result{}, err
			}
			var pages, same []load
			for range s.times {
				w, err := p.ask(ctx, p.api, p.requests())
				if err != nil {
					return result{}, err
				}
				n, err := p.ask(ctx, p.api, p.requestsWith(tags))
				if err != nil {
					return result{}, err
				}
				if n.unchanged != n.answers {
					return result{}, fmt.Errorf("%d of %d answers were not 304", n.answers-n.unchanged, n.answers)
				}
				pages, same = append(pages, w), append(same, n)
			}
			w, spread := fastestLoad(pages)
			n, spreadSame := fastestLoad(same)
			return result{ratio: n.rate() / w.rate(), noise: max(spread, spreadSame),
				notes: []string{fmt.Sprintf("%.0f a second, %s; pages %.0f a second", n.rate(), n.latencies(), w.rate())}}, nil
		}}
}

// requests returns the portal's request for each dossier.
func (p *portal) requests() []string {
	list := make([]string, dossierCount)
	for i := range list {
		list[i] = p.request(i, p.tokens[i])
	}
	return list
}

// requestsAmong returns as many requests, for every stride-th dossier.
func (p *portal) requestsAmong(stride int) []string {
	list := make([]string, dossierCount)
	for i := range list {
		list[i] = p.request(i*stride, p.tokens[dossierCount+i])
	}
	return list
}

func (p *portal) request(dossier int, token string) string {
	return fmt.Sprintf("GET /v1/dossiers/b%d/timeline HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		dossier, p.api, token)
}

func (p *portal) requestsWith(tags []string) []string {
	list := p.requests()
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], "\r\n") + "If-None-Match: " + tags[i] + "\r\n\r\n"
	}
	return list
}

func (p *portal) bareRequests() []string {
	list := make([]string, dossierCount)
	for i := range list {
		list[i] = fmt.Sprintf("GET /b%d HTTP/1.1\r\nHost: %s\r\n\r\n", i, p.bare)
	}
	return list
}

// tags returns the ETag of each dossier's first page.
func (p *portal) tags(ctx context.Context) ([]string, error) {
	tags := make([]string, dossierCount)
	c, err := dial(ctx, p.api)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for i, r := range p.requests() {
		a, err := c.ask(r)
		if err != nil {
			return nil, err
		}
		if a.status != 200 || a.etag == "" {
			return nil, fmt.Errorf("dossier %d: status %d, ETag %q", i, a.status, a.etag)
		}
		tags[i] = a.etag
	}
	return tags, nil
}

// ask sends requests in random order over all connections for some seconds.
func (p *portal) ask(ctx context.Context, address string, requests []string) (load, error) {
	l, err := ask(ctx, address, p.seconds, func() string {
		return requests[rand.IntN(len(requests))] //nolint:gosec // the choice of a dossier is no secret
	})
	if err == nil && l.answers == 0 {
		err = errors.New("nothing was answered")
	}
	return l, err
}
