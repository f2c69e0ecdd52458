// Package acceptance tests dossiersync as an operator runs it: the built program,
// real processes, PostgreSQL and HTTP, against the care record simulator of
// cmd/carerecordsim. It holds tests only. Tests of a single package stand beside
// that package.
//
// # Cases
//
// TestCaseNN tests the case NN of docs/design.md. Cases 1 to 60 are the
// simulator's (cmd/carerecordsim/cases); a test plays the steps of the case one by
// one, syncs after each, and compares what the portal API serves. The comment of a
// test says what is given. Cases 61 to 76 are faults of the source and of workers.
// Cases about rights (77 to 85) that need no source are in portalapi.
//
// # Files
//
//   - harness_*: a care record simulator for each tenant, a replica, and the
//     configuration that joins them; the program as a process; the proxy that stands
//     before a simulator and fails on purpose; the portal API, called as a portal does
//   - story_*: the test of one case at one tenant: put, change and remove in the
//     source, step, sync, reconcile and restart in the worker, and want… checks
//   - case_*: the cases by subject: client, report, form, plan, time, html, sync, run,
//     source, rights
//   - oracle_*: a second, plain reading of FHIR, which tells what readers should see of
//     any source
//   - soak_*: sources that are written to at random, with faults and kills, compared
//     with the oracle; convergence and unshare use the same harness
//   - mishap, held: sources that lose rights without saying so, and what is held then
//   - peer: the same with a FHIR server that is not ours (.ci/peer)
//   - kill_*: workers and databases killed at random moments, checked with verify
//   - workers: two workers on one database, one of them killed or suspended
//   - upgrade: the next release replaces this one while it runs, and back
//   - freshness, paging, tls, watch: what readers and operators see of runs
//   - privacy_*: no personal data in logs, metrics, errors, runs and jobs
//   - metrics, prometheus: the metrics and the dashboard of deploy/
//   - console, browser, screenshots: the operators' console, without and in a browser
//   - portal_browser: the sample portal of the running demo, in a browser
//   - realinput: FHIR resources that others wrote
//   - texts: inputs after public bug reports, by kind of fault (testdata/texts)
//
// # Running
//
// One case, and everything but the slow tests of random faults:
//
//	go test ./cmd/dossiersync/acceptance -run 'TestCase11'
//	go test ./cmd/dossiersync/acceptance -skip 'TestSoak|TestReplicaEqualsSource'
//
// PostgreSQL must be installed (make deps); the tests start a server of their own.
// These environment variables change what runs:
//
//   - DOSSIERSYNC_SEED: the seed of random tests, which a failure prints
//   - DOSSIERSYNC_SOAK: how long random tests repeat, such as 10m (make soak)
//   - DOSSIERSYNC_LONG: wait for leases and slow answers, and test an upgrade (make check)
//   - DOSSIERSYNC_FULL: every case of the matrices of mishaps (make check-full); else a sample
//   - DOSSIERSYNC_PEER: the folder of the packages of .ci/peer (make peer)
//   - DOSSIERSYNC_FHIR_EXAMPLES: the folder of realinput, with a folder per origin
//   - DOSSIERSYNC_DEPLOY_TOOLS: the folder of Prometheus (make check-deploy)
//   - DOSSIERSYNC_CHROMIUM, DOSSIERSYNC_BROWSER_TOOLS: the browser (make browser)
//   - DOSSIERSYNC_SCREENSHOTS: the folder of the pictures (make screenshots)
package acceptance
