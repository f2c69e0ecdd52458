package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/portalapi/portaltest"
)

// serve runs the service, or one part of it, in this process until the test ends,
// and sets the harness's addresses.
func (h *harness) serve(only string) {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	service, err := app.New(ctx, h.loadConfig(), app.Options{Only: only, Log: app.NewLog(&h.log, zapcore.InfoLevel)})
	if err != nil {
		h.t.Fatal(err)
	}
	go func() { ended <- errors.Join(service.Run(ctx), service.Close()) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			h.t.Errorf("serve: %v\n%s", err, &h.log)
		}
	})
	deadline := time.Now().Add(patience)
	for h.portalAddress == "" || h.opsAddress == "" && only != app.Portal {
		if time.Now().After(deadline) {
			h.t.Fatalf("the service does not listen after %s\n%s", patience, &h.log)
		}
		time.Sleep(10 * time.Millisecond)
		h.readAddresses()
	}
}

// readAddresses takes the addresses of the service from its log.
func (h *harness) readAddresses() {
	for line := range strings.Lines(h.log.String()) {
		var l struct{ Part, Address string }
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		switch host := strings.TrimPrefix(l.Address, "http://"); l.Part {
		case app.PortalListener:
			h.portalAddress = host
		case app.OpsListener:
			h.opsAddress = host
		}
	}
}

// usePortalOf sends the harness's requests to the portal API of a process.
func (h *harness) usePortalOf(p *process) {
	h.t.Helper()
	h.portalAddress = strings.TrimPrefix(p.addressOf(app.PortalListener), "http://")
}

func (h *harness) token(user, scope string) string { return h.tenantToken("amaris", user, scope) }

func (h *harness) tenantToken(tenant, user, scope string) string {
	h.t.Helper()
	return h.signer.sign(h.t, tenant, user, scope)
}

// fullGrant gives a right to the whole dossier.
const fullGrant = `{"role": "representative", "manager": true, "parts": ["reports", "forms", "care-plans"], "state": "accepted", "name": "Een dochter"}`

// putGrant stores a grant, in JSON, as the portal with that token.
func (h *harness) putGrant(token, client, user, grant string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://"+h.portalAddress+"/v1/dossiers/"+client+"/grants/"+user,
		strings.NewReader(grant))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dossier-Actor", "beheerder")
	if status, answer := h.send(req, token); status/100 != 2 {
		h.t.Fatalf("put a grant: %d %s", status, answer)
	}
}

// grantAll gives the daughter a right to the dossiers, as the portal does, and
// returns her token.
func (h *harness) grantAll(clients ...string) (readerToken string) {
	h.t.Helper()
	for _, client := range clients {
		h.putGrant(h.token("portal", "dossier:grants"), client, "dochter", fullGrant)
	}
	return h.token("dochter", "dossier:read")
}

// clientIDs returns the ids of all clients in the first tenant's source.
func (h *harness) clientIDs() []string {
	var ids []string
	for _, v := range h.sim.List("Patient") {
		ids = append(ids, v.ID)
	}
	return ids
}

// get returns an answer of the portal API, checked against the contract.
func (h *harness) get(token, path string) (int, []byte) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+h.portalAddress+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.send(req, token)
}

// send sends a request to the portal API, and checks the answer against the
// contract.
func (h *harness) send(req *http.Request, token string) (int, []byte) {
	h.t.Helper()
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		h.t.Fatal(err)
	}
	contract, err := portaltest.Contract()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := contract.Check(req, resp.StatusCode, resp.Header, body.Bytes()); err != nil {
		h.t.Errorf("%s: %v", req.URL.Path, err)
	}
	return resp.StatusCode, body.Bytes()
}

// item holds the members that tests read of an item in any list.
type item struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Client string `json:"client"`
}

// list returns the items of all pages of a list.
func (h *harness) list(token, path string) []item {
	h.t.Helper()
	var all []item
	for path != "" {
		status, body := h.get(token, path)
		if status != http.StatusOK {
			h.t.Fatalf("%s: %d %s", path, status, body)
		}
		var page struct {
			Items []item `json:"items"`
			Page  struct {
				Next *string `json:"next"`
			} `json:"page"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, page.Items...)
		path = ""
		if page.Page.Next != nil {
			path = *page.Page.Next
		}
	}
	return all
}
