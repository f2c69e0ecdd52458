package acceptance

import (
	"os"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
)

// The console of three fictional organisations: one is being read in full, the source of
// one fails, and one has an item in quarantine.
func TestScreenshots(t *testing.T) {
	needsBrowser(t)
	if os.Getenv("DOSSIERSYNC_SCREENSHOTS") == "" {
		t.Skip("DOSSIERSYNC_SCREENSHOTS is not set: make screenshots does this")
	}
	var tenants []tenant
	for i, name := range []string{"Amaris", "SZR", "De Wilgenhof"} {
		sim := simulator.New(simulator.Options{Zone: amsterdam(t)})
		fillDossiers(t, sim, dossiers.Options{Clients: 6, Years: 1, Seed: uint64(i + 1),
			Now: time.Now().Add(-time.Hour), Organisation: name})
		tenants = append(tenants, tenant{id: []string{"amaris", "szr", "wilgenhof"}[i], name: name, sim: sim})
	}
	h := newHarness(t, tenants...)
	h.addOpsUser("amaris, szr, wilgenhof", "the token of ann")
	h.mustRun("sync")
	client := h.clientIDs()[0]
	for _, q := range screenshotRows(client) {
		h.exec(q)
	}
	b := &browserHarness{harness: h}
	p := h.start("serve", "--only", "ops") // without a worker, which would change these rows
	b.env = append(os.Environ(), "SITE="+p.addressOf(app.OpsListener), "CLIENT="+client)
	b.runScript("screenshots.mjs")
}

// screenshotRows are statements that make up two weeks of work.
func screenshotRows(client string) []string {
	return []string{
		`DELETE FROM runs`,
		`UPDATE tenants SET since = now() - interval '20 days', reconciled = now() - interval '6 hours'`,
		// The slots of two weeks with their outcomes. The last one of szr failed.
		`WITH slots AS (
			SELECT t, s, row_number() OVER (PARTITION BY t ORDER BY s DESC) AS n
			FROM unnest(ARRAY['amaris', 'szr', 'wilgenhof']) t,
				generate_series(0, 13) d, unnest(ARRAY[7, 11, 15, 19, 23]) h,
				LATERAL (SELECT ((now() AT TIME ZONE 'Europe/Amsterdam')::date - d + make_interval(hours => h)) AT TIME ZONE 'Europe/Amsterdam') v(s)
			WHERE s < now() - interval '3 minutes'
		), outcomes AS (
			SELECT *, CASE
				WHEN t = 'szr' AND n IN (1, 23) THEN 'failed'
				WHEN t = 'szr' AND n IN (2, 3, 4, 14, 37) OR t = 'wilgenhof' AND n < 4 THEN 'partial'
				WHEN t = 'szr' AND n = 44 THEN 'cancelled'
				ELSE 'complete' END AS outcome
			FROM slots WHERE NOT (t = 'szr' AND n = 51)
		)
		INSERT INTO runs (tenant, trigger, slot, state, outcome, message, requested_at, started_at, finished_at)
		SELECT t, CASE WHEN t = 'szr' AND n IN (9, 30) THEN 'catch-up' ELSE 'schedule' END, s, 'done', outcome,
			CASE WHEN outcome = 'failed' THEN 'search Observation: HTTP 503 Service Unavailable'
				WHEN t = 'szr' AND outcome = 'partial' THEN '439 items held for an operator; 2 items in quarantine'
				WHEN outcome = 'partial' THEN '1 item in quarantine; see dossiersync quarantine' END,
			s + interval '12 s', s + interval '14 s',
			s + CASE WHEN t = 'szr' AND n IN (9, 30) THEN interval '94 min' ELSE make_interval(secs => 48 + (n * 17 + length(t) * 5) % 40) END
		FROM outcomes ORDER BY s, t`,
		`UPDATE tenants SET succeeded = (SELECT max(finished_at) FROM runs WHERE tenant = tenants.id AND outcome <> 'failed')`,
		`UPDATE tenants SET unreachable = now() - interval '70 minutes', trouble = 'search Observation: the source answers with an error (HTTP 503)', trouble_kind = 'unreachable',
			trouble_until = now() + interval '4 minutes' WHERE id = 'szr'`,
		`INSERT INTO quarantine (tenant, key, stream, type, id, client, updated, reason, detail, first_seen, last_seen, attempts) VALUES
			('wilgenhof', '5xE4w6UEAgpxV2HZxJrlAC', 'reports', 'DocumentReference', 'doc-771', '100031', now() - interval '2 days', 'too-large', 'attachment of more than 10 MiB', now() - interval '13 hours', now() - interval '74 minutes', 4),
			('szr', '3xE4w6UEAgpxV2HZxJrlAA', 'reports', 'Observation', '88120', '100020', now() - interval '1 day', 'bad-date', 'effectiveDateTime is no date', now() - interval '26 hours', now() - interval '5 hours', 6),
			('szr', '?4xE4w6UEAgpxV2HZxJrlAB', 'forms', 'QuestionnaireResponse', NULL, NULL, NULL, 'bad-json', 'not an object', now() - interval '9 hours', now() - interval '5 hours', 2)`,
		`WITH h AS (
				INSERT INTO holds (tenant, stream, type, rule, run, since)
				SELECT 'szr', stream, type, 'day', 1, now() - interval '9 hours'
				FROM (VALUES ('reports', 'Observation'), ('contacts', 'RelatedPerson')) v(stream, type)
				RETURNING id, stream, type)
			INSERT INTO absences (tenant, key, stream, type, id, state, since, hold)
			SELECT 'szr', stream || g, stream, type, stream || g, 'held', now() - interval '9 hours', h.id
			FROM h, generate_series(1, CASE stream WHEN 'reports' THEN 412 ELSE 27 END) g`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by) VALUES
			('amaris', '` + client + `', 'dochter', 'representative', '{reports,forms,care-plans}', 'accepted', 'portal'),
			('amaris', '` + client + `', 'zoon', 'contact', '{reports}', 'invited', 'portal')`,
		`WITH run AS (
			INSERT INTO runs (tenant, trigger, scope, state, requested_by, requested_at, started_at, lease_until, worker, slices)
			VALUES ('amaris', 'manual', '{"full": true}', 'running', 'ann', now() - interval '24 minutes', now() - interval '24 minutes', now() + interval '1 hour', 'w', 48) RETURNING id
		)
		INSERT INTO run_types (run, ordinal, stream, type, to_time, upto, fingerprint, as_of, expected, done, requests, effects)
		SELECT run.id, v.* FROM run, (VALUES
			(0, 'clients', 'Patient', now(), now(), '', now(), 1204, true, 3, '{"unchanged": 1188, "hidden:inactive": 16}'::jsonb),
			(1, 'contacts', 'RelatedPerson', now(), now(), '', now(), 2911, true, 6, '{"unchanged": 2897, "updated": 14}'),
			(2, 'staff', 'Practitioner', now(), now(), '', now(), 402, true, 1, '{"unchanged": 402}'),
			(3, 'care-plans', 'CarePlan', now(), now(), '', now(), 4100, true, 9, '{"unchanged": 4000, "updated": 61, "hidden:marked": 39}'),
			(4, 'reports', 'Observation', now(), now() - interval '1 year', '', now(), 612000, false, 501, '{"unchanged": 240100, "created": 12, "updated": 61, "hidden:marked": 9240, "withdrawn:entered-in-error": 120, "quarantined:bad-date": 2}'),
			(5, 'forms', 'QuestionnaireResponse', now(), NULL, '', now(), NULL, false, 0, '{}')) v`,
	}
}
