package portalapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"dossiersync/portalapi/portaltest"
)

// BenchmarkFirstPage reads the first page of the time line of a hundred dossiers with 2,200 items
// each, with many concurrent requests.
func BenchmarkFirstPage(b *testing.B) {
	p := newHarness(b)
	p.markSynced("amaris", time.Now())
	const clients = 100
	p.exec(`INSERT INTO clients (tenant, id, state, name) SELECT 'amaris', n, 'shown', 'Client ' || n FROM generate_series(1, $1::int) n`, clients)
	p.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		SELECT 'amaris', n, 'user' || n, 'contact', '{reports,forms,care-plans}', 'accepted', 'x' FROM generate_series(1, $1::int) n`, clients)
	p.exec(`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, at, category, card, body)
		SELECT 'amaris', left(md5(k || c || '-' || n), 22), 'T', k || c || '-' || n, s, k, c, 'shown', s, 1, '1', '\x00',
			now() - n * step, CASE k WHEN 'report' THEN 'general' END,
			json_build_object('id', left(md5(k || c || '-' || n), 22), 'kind', k, 'at', '2026-03-02T09:12:00+01:00', 'precision', 'second',
				'title', 'Rapportage', 'excerpt', repeat('Goed geslapen. ', 13), 'author', json_build_object('name', 'S. Bakker', 'role', 'Verzorgende'),
				'category', CASE k WHEN 'report' THEN 'general' END, 'correctedAt', null, 'recordedAt', null),
			json_build_object('text', repeat('Mevrouw heeft goed geslapen en lekker ontbeten. ', 20), 'attachments', '[]'::json)
		FROM generate_series(1, $1::int) c,
			(VALUES ('report', 'reports', 2000, interval '2 hours'), ('form', 'forms', 200, interval '1 day')) x (k, s, many, step),
			generate_series(1, many) n`, clients)
	p.exec(`ANALYZE`)
	tokens := make([]string, clients)
	for i := range tokens {
		tokens[i] = p.token(fmt.Sprint("user", i+1), "dossier:read")
	}
	check := portaltest.Checked(b, p.api)
	for name, path := range map[string]string{
		"timeline": "/v1/dossiers/%d/timeline", "reports": "/v1/dossiers/%d/reports", "start": "/v1/dossiers/%d",
		"density": "/v1/dossiers/%d/timeline/density?by=month",
	} {
		b.Run(name, func(b *testing.B) {
			ask := func(h http.Handler, i int) {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf(path, i+1), nil)
				r.Header.Set("Authorization", "Bearer "+tokens[i])
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Errorf("answered with %d", w.Code)
				}
			}
			ask(check, 0)
			var n atomic.Int64
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask(p.api, int(n.Add(1))%clients)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
