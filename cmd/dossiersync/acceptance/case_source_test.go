package acceptance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

// Given 24 clients, and a source that answers searches with nothing, or also reads with
// not found: no run removes anything. The counts make the first run compare.
func TestCase70EverythingEmpty(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	want := make(map[string][]string)
	for _, client := range strings.Fields("aad ans bea ben bert cor dirk eef els fie ge han ina jan kees lies mia nel olga piet rie sien tine wim") {
		want[client] = s.putReports(client, 1)
	}
	s.sync()
	empty := onEvery(faults.Match{Interaction: faults.Search}, faults.EmptyBundle())
	none := onEvery(faults.Match{Interaction: faults.Read}, faults.Status(404))
	for _, tt := range []struct {
		rules   []faults.Rule
		scope   store.Scope
		outcome store.Outcome
		message string
	}{
		{[]faults.Rule{empty}, store.Scope{}, store.OutcomePartial, "would not say whether 24 items are still there"},
		{[]faults.Rule{empty}, store.Scope{Full: true}, store.OutcomePartial, "the source answers with nothing of "},
		{[]faults.Rule{empty}, store.Scope{Only: store.StepReconcile}, store.OutcomePartial,
			"would not say whether 24 items are still there"},
		{[]faults.Rule{empty, none}, store.Scope{Only: store.StepReconcile}, store.OutcomePartial, "items held"},
		{nil, store.Scope{Only: store.StepReconcile}, store.OutcomeComplete, ""},
	} {
		s.proxy.setFaults(tt.rules...)
		s.wantRun(tt.scope, tt.outcome, tt.message)
		got := make(map[string][]string)
		for _, client := range s.listedClients() {
			got[client] = s.reportTexts(client)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after %+v (-want +got):\n%s", tt, diff)
		}
	}
	s.wantVerified()
}

// Given a source that is restored from a backup of four hours ago: a reconcile finds out,
// and from then on the versions of the backup count (I4).
func TestCase71RestoredFromBackup(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	backup := simulator.New(simulator.Options{Clock: s.clock.Now, Zone: amsterdam(t)})
	texts := s.putReports("anna", 3)
	for _, typ := range []string{"Patient", "Observation"} {
		for _, v := range s.tenant.sim.List(typ) {
			if _, err := backup.PutAt(v.LastUpdated, v.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.sync()
	s.clock.add(4 * time.Hour)
	s.putReport("anna 00", "anna", "na de back-up verbeterd")
	s.putReport("anna 03", "anna", "na de back-up geschreven")
	s.remove("Observation", "anna-01")
	s.sync()
	s.wantTexts("anna", "anna 02", "na de back-up geschreven", "na de back-up verbeterd")

	s.clock.add(time.Hour)
	s.tenant.sim = backup
	s.proxy.setSource(backup)
	s.wantRun(store.Scope{Only: store.StepReconcile}, store.OutcomePartial, "the source was restored or replaced")
	s.sync()
	s.reconcile()
	s.wantTexts("anna", texts...)
	s.wantVerified()
	s.putReport("anna 01", "anna", "in de nieuwe tijd verbeterd")
	s.sync()
	s.wantTexts("anna", "anna 00", "anna 02", "in de nieuwe tijd verbeterd")
	s.wantNowhere("na de back-up")
}

// Given two reports of anna that are deleted, and whose ids are given to reports about
// bram, once at once and once later: each report is shown to its own client only.
func TestCase72IDReused(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	s.putReports("anna", 3)
	bram := s.putReports("bram", 1)
	s.sync()
	s.clock.add(4 * time.Hour)
	s.remove("Observation", "anna-00")
	s.putReport("anna 00", "bram", "van bram nu")
	s.remove("Observation", "anna-01")
	s.sync()
	s.wantTexts("anna", "anna 02")
	s.wantTexts("bram", append(bram, "van bram nu")...)
	s.clock.add(4 * time.Hour)
	s.putReport("anna 01", "bram", "van bram ook")
	s.sync()
	s.reconcile()
	s.wantTexts("anna", "anna 02")
	s.wantTexts("bram", append(bram, "van bram nu", "van bram ook")...)
	s.wantNowhere("anna 00", "anna 01")
	s.wantVerified()
}

// Given a source whose certificate expires, and is renewed: meanwhile runs fail and
// nothing is removed; the new certificate needs no restart.
func TestCase75CertificateExpired(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	var certificate atomic.Pointer[tls.Certificate]
	certificate.Store(s.newSourceCertificate(t, time.Now().Add(time.Hour)))
	server := httptest.NewUnstartedServer(s.proxy)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*certificate.Load()}, MinVersion: tls.VersionTLS12}, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.changeConfig(`base_url: \S+`, "base_url: "+server.URL+"/fhir\n        auth: {mtls: {ca_file: ca.pem}}")
	s.restart()
	texts := s.putReports("anna", 3)
	s.sync()
	s.putReport("anna 03", "anna", "anna 03")

	certificate.Store(s.newSourceCertificate(t, time.Now().Add(-time.Minute)))
	server.CloseClientConnections()
	s.restart()
	s.wantRun(store.Scope{}, store.OutcomeFailed, "the source's certificate is not accepted: expired")
	s.wantTexts("anna", texts...)
	s.wantStatus(exitLeftOver, "certificate is not accepted: expired")

	certificate.Store(s.newSourceCertificate(t, time.Now().Add(time.Hour)))
	s.sync()
	s.wantTexts("anna", append(texts, "anna 03")...)
}

// newSourceCertificate returns a certificate that is valid until then, and writes it to
// ca.pem, which the worker trusts.
func (s *story) newSourceCertificate(t *testing.T, until time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		DNSNames: []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.writeFile("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Given a source that turns into FHIR STU3: runs fail and nothing is removed.
func TestCase76AnotherFHIRVersion(t *testing.T) {
	t.Parallel()
	s := newStoryBehindProxy(t)
	texts := s.putReports("anna", 3)
	s.sync()
	s.putReport("anna 03", "anna", "anna 03")
	s.proxy.setFaults(onEvery(faults.Match{}, faults.STU3()))
	s.wantRun(store.Scope{}, store.OutcomeFailed, "dossiersync needs R4")
	s.wantRun(store.Scope{Only: store.StepReconcile}, store.OutcomeFailed, "dossiersync needs R4")
	s.wantTexts("anna", texts...)
	s.wantStatus(exitLeftOver, "dossiersync needs R4")
	s.proxy.setFaults()
	s.sync()
	s.wantTexts("anna", append(texts, "anna 03")...)
}
