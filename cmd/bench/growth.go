package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// growth compares the first page among all dossiers with the first page when there are many more of
// them, for users all over the table.
func growth() row {
	return row{name: "B8", what: "time of a first page among many items, against among few", goal: 1.2, atMost: true,
		measure: func(ctx context.Context, s *setup) (result, error) {
			p, err := s.portal(ctx)
			if err != nil {
				return result{}, err
			}
			var few, many []load
			for range s.times {
				l, err := p.ask(ctx, p.api, p.requests())
				if err != nil {
					return result{}, err
				}
				few = append(few, l)
			}
			if err := execute(ctx, p.database, growSQL(s.grown)...); err != nil {
				return result{}, err
			}
			for range s.times {
				l, err := p.ask(ctx, p.api, p.requestsAmong(s.grown/perDossier/dossierCount))
				if err != nil {
					return result{}, err
				}
				many = append(many, l)
			}
			sorted, err := s.plansSort(ctx, p)
			if err != nil {
				return result{}, err
			}
			a, spread := fastestLoad(few)
			b, spreadMany := fastestLoad(many)
			return result{ratio: a.rate() / b.rate(), noise: max(spread, spreadMany), notes: []string{
				fmt.Sprintf("%d items: %.0f a second, %s", dossierCount*perDossier, a.rate(), a.latencies()),
				fmt.Sprintf("%d items: %.0f a second, %s; %s", s.grown, b.rate(), b.latencies(), sorted),
			}}, nil
		}}
}

// growSQL makes more dossiers like those of [dossierSQL], until there are n items. Rows of different
// dossiers lie mixed, as those of many runs do.
func growSQL(n int) []string {
	last := n/perDossier - 1
	return []string{
		fmt.Sprintf(`INSERT INTO clients (tenant, id, state, name)
			SELECT '%s', 'b' || n, 'shown', 'Client ' || n FROM generate_series(%d, %d) n`, tenantID, dossierCount, last),
		fmt.Sprintf(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
			SELECT '%s', 'b' || n, 'user' || n, 'contact', '{reports,forms,care-plans}', 'accepted', 'bench'
			FROM generate_series(%d, %d) n`, tenantID, dossierCount, last),
		fmt.Sprintf(`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version,
				hash, at, category, card, body)
			SELECT tenant, left(md5(key || n), 22), type, id || '-' || n, stream, kind, 'b' || n, state, part, epoch, version,
				hash, at, category, card, body
			FROM (SELECT * FROM items WHERE client = 'b0') i, generate_series(%d, %d) n`, dossierCount, last),
		`VACUUM (ANALYZE)`, `CHECKPOINT`,
	}
}

// sortNode is the line of a plan that sorts. A Merge Append has a sort key too, but does not sort.
var sortNode = regexp.MustCompile(`Sort  \(cost`)

// plansSort says whether the statements of a first page sort rows. It reads the plans of new
// sessions in the server's log.
func (s *setup) plansSort(ctx context.Context, p *portal) (string, error) {
	for _, setting := range []string{"session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0",
		"auto_explain.log_nested_statements = on"} {
		q := `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ` + setting + `', current_database()); END $$`
		if err := execute(ctx, p.database, `LOAD 'auto_explain'`, q); err != nil { // LOAD makes its settings known
			return "", err
		}
	}
	api, err := s.startAPI(ctx, p.database, p.jwks)
	if err != nil {
		return "", err
	}
	c, err := dial(ctx, api)
	if err != nil {
		return "", err
	}
	defer c.close()
	request := strings.Replace(p.requests()[0], p.api, api, 1)
	if a, err := c.ask(request); err != nil || a.status != 200 {
		return "", fmt.Errorf("a page for its plans: status %d, %w", a.status, err)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "postgres", "server.log"))
	if err != nil {
		return "", err
	}
	_, plans, found := strings.Cut(string(text), "items_by_client")
	switch {
	case !found:
		return "its plan does not use the index", nil
	case sortNode.MatchString(plans):
		return "its plan sorts", nil
	}
	return "by its index, without a sort", nil
}
