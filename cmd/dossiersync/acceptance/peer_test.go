package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// peerVariable names the folder into which the packages of .ci/peer were installed.
const peerVariable = "DOSSIERSYNC_PEER"

// A FHIR server that is not ours is read from the beginning and after changes, loses rights in
// three ways, and gets them back: readers always see what it holds, with the grants of before.
func TestPeerIsFollowedThroughMishaps(t *testing.T) {
	if os.Getenv(peerVariable) == "" {
		t.Skip(peerVariable + " is not set: make peer does this")
	}
	t.Parallel()
	eachSeed(t, func(t *testing.T, seed uint64) {
		h := newSeededHarness(t, seed, newClock(time.Now()), simulator.Options{},
			sourceSize{clients: 5, years: 0.5, cases: func(number int) bool { return number%5 == int(seed%5) }})
		p := startPeer(h)
		p.mirror()
		h.mustUpdate("sync")
		h.wantEqualToSource()
		for range 3 {
			h.writeRound()
			p.mirror()
			h.mustUpdate("sync")
			h.mustUpdate("reconcile", "--approve") // the server does not say what it deletes
			h.wantEqualToSource()
		}
		client := h.clientIDs()[0]
		h.acknowledgeLeftOut()
		for _, narrow := range []object{
			{"types": []string{"Observation"}},
			{"clients": []string{client}},
			{"fields": []string{"valueString"}},
		} {
			p.change(object{"narrow": narrow})
			for _, command := range [][]string{{"sync"}, {"reconcile"}, {"sync", "--full"}} {
				h.runKillable(command...)
				h.wantNoDifferences("while the server shows only part", narrow)
			}
			if len(h.held()) == 0 {
				t.Errorf("nothing is held although the server shows only part: %v", narrow)
			}
			h.wantStatusExit(exitLeftOver)
			p.change(object{"narrow": object{}})
			h.mustUpdate("sync")
			h.mustUpdate("reconcile")
			h.wantNoDifferences("after", narrow)
			if sets := h.held(); len(sets) > 0 {
				t.Errorf("still held after %v: %+v", narrow, sets)
			}
			h.wantVerified()
			h.wantStatusExit(exitDone)
		}
	})
}

// acknowledgeLeftOut acknowledges that the cases have members that FHIR does not know, if they do.
func (h *seededHarness) acknowledgeLeftOut() {
	h.t.Helper()
	code, _, stderr := h.runCommand("acknowledge", "left-out", "--tenant", "amaris", "--note", "de hoofdgevallen", "--by", "Anna de Vries")
	if code != exitDone && !strings.Contains(stderr, "has no cause") {
		h.t.Errorf("acknowledge ends with %d: %s", code, stderr)
	}
}

// wantNoDifferences is wantEqualToSource with the grants as they are.
func (h *seededHarness) wantNoDifferences(when string, what any) {
	h.t.Helper()
	if found := h.differences(h.token("dochter", "dossier:read")); len(found) > 0 {
		h.record("%s %v", when, what)
		h.failWithSeed(found)
	}
}

// peer is a FHIR server that is not ours, in a process of its own. It holds what the harness's
// simulator holds.
type peer struct {
	*seededHarness
	control string
	held    map[string][]byte // by Type/id
}

func startPeer(h *seededHarness) *peer {
	h.t.Helper()
	script, err := filepath.Abs("../../../.ci/peer/server.js")
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.CommandContext(h.t.Context(), "node", script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(os.Getenv(peerVariable), "node_modules"))
	var stderr syncBuffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(stdout)
	line, _ := lines.ReadBytes('\n')
	var at struct{ Base, Control string }
	if err := json.Unmarshal(line, &at); err != nil {
		h.t.Fatalf("the server does not start: %s%s", line, &stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	h.changeConfig(`base_url: \S+`, "base_url: "+at.Base)
	p := &peer{seededHarness: h, control: at.Control, held: make(map[string][]byte)}
	h.resources = p.resources
	return p
}

// mirror makes the server hold what the simulator holds.
func (p *peer) mirror() {
	p.t.Helper()
	put, remove, now := []json.RawMessage{}, []string{}, p.sim.Resources()
	for name, body := range now {
		if !bytes.Equal(p.held[name], body) {
			put = append(put, body)
		}
	}
	for name := range p.held {
		if _, ok := now[name]; !ok {
			remove = append(remove, name)
		}
	}
	p.held = now
	p.change(object{"put": put, "remove": remove})
	p.record("%d put and %d removed", len(put), len(remove))
	// A run reads up to the source's clock, which is the header Date, in whole seconds.
	time.Sleep(1100 * time.Millisecond)
}

// resources returns what the server holds, with its own lastUpdated, by Type/id.
func (p *peer) resources() map[string][]byte {
	p.t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(p.change(object{}), &all); err != nil {
		p.t.Fatal(err)
	}
	out := make(map[string][]byte)
	for name, body := range all {
		out[name] = body
	}
	return out
}

// change changes what the server holds or shows, and returns all that it holds then.
func (p *peer) change(what object) []byte {
	p.t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := http.Post(p.control, "application/json", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatal(res.Status, err)
	}
	return answer
}
