package ops_test

import (
	"fmt"
	"net/http"
	"testing"

	"dossiersync/store"
)

func TestCancelIsRecordedUnderTheUsersName(t *testing.T) {
	t.Parallel()
	d := newHarness(t, withUsers)
	d.putTenants("amaris")
	request := func() (store.Run, string) {
		t.Helper()
		run, _, err := d.RequestRun(t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual})
		if err != nil {
			t.Fatal(err)
		}
		return run, fmt.Sprintf("/api/runs/%d/cancel", run.ID)
	}
	cancel := func(url string, want int) (run store.Run) {
		t.Helper()
		w := d.do("POST", url, "{}", as("ann")...)
		if w.Code != want {
			t.Fatalf("answered with %d, want %d: %s", w.Code, want, w.Body)
		}
		d.decode(w, &run)
		return run
	}
	waiting, url := request()
	if got := cancel(url, http.StatusAccepted); got.ID != waiting.ID || got.State != store.RunDone || *got.Message != "cancelled by ann" {
		t.Errorf("cancelled, the run that waited is %+v", got)
	}
	if got := cancel(url, http.StatusOK); *got.Outcome != store.OutcomeCancelled {
		t.Errorf("cancelled again, it is %+v", got)
	}
	running, url := request()
	claim, err := d.ClaimRun(t.Context(), running.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	if got := cancel(url, http.StatusAccepted); got.State != store.RunRunning {
		t.Errorf("cancelled, the run that runs is %+v", got)
	}
	if cancelled, err := d.RenewClaim(t.Context(), claim); err != nil || !cancelled {
		t.Errorf("its worker is told %v, %v", cancelled, err)
	}
}

func TestCancellingNeedsTheVerbAndTheTenant(t *testing.T) {
	t.Parallel()
	d := newHarness(t, withUsers)
	d.putTenants("amaris", "szr")
	urls := make(map[string]string)
	for _, tenant := range []string{"amaris", "szr"} {
		run, _, err := d.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual})
		if err != nil {
			t.Fatal(err)
		}
		urls[tenant] = fmt.Sprintf("/api/runs/%d/cancel", run.ID)
	}
	for _, tt := range []struct {
		user, method, url string
		headers           []string
		want              int
	}{
		{"bob", "POST", urls["szr"], nil, 403}, // may only read
		{"eve", "POST", urls["szr"], nil, 403},
		{"zoe", "POST", urls["amaris"], nil, 404}, // another tenant's
		{"ann", "POST", "/api/runs/999999/cancel", nil, 404},
		{"ann", "POST", "/api/runs/x/cancel", nil, 404},
		{"ann", "POST", urls["szr"] + "?force=1", nil, 400},
		{"ann", "GET", urls["szr"], nil, 405},
		{"ann", "POST", urls["szr"], []string{"Content-Type", "text/plain"}, 415},
		{"ann", "POST", urls["szr"], []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		body := "{}"
		if tt.method == "GET" {
			body = ""
		}
		if w := d.do(tt.method, tt.url, body, append(as(tt.user), tt.headers...)...); w.Code != tt.want {
			t.Errorf("%s: %s %s %v is answered with %d, want %d", tt.user, tt.method, tt.url, tt.headers, w.Code, tt.want)
		}
	}
	waiting, err := d.Runs(t.Context(), store.RunFilter{State: store.RunWaiting})
	if err != nil || len(waiting) != 2 {
		t.Errorf("%d runs still wait, %v", len(waiting), err)
	}
}
