package dossiers

import (
	"time"
)

// agreement is the way in which a system records that someone agrees to a plan.
type agreement int

const (
	notRecorded        agreement = iota
	signed                       // Provenance with a signature
	signedLater                  // weeks after the plan began
	consented                    // Consent, verified
	signatureWithdrawn           // the Provenance is deleted
	consentWithdrawn             // the Consent becomes inactive
)

var agreements = []weighted[agreement]{
	{40, notRecorded}, {25, signed}, {10, signedLater}, {15, consented}, {4, signatureWithdrawn}, {6, consentWithdrawn},
}

const signatureTypes = "urn:iso-astm:E1762-95:2013"

// agree records the agreement to a plan that begins then.
func (org *organisation) agree(j *journal, begins time.Time, c *client, p *plan) {
	r := random(org.Seed, p.id, 2)
	at := org.officeHour(r, begins.Add(within(r, days(1), days(5))))
	if p.agreement == signedLater {
		at = org.officeHour(r, at.Add(within(r, days(20), days(60))))
	}
	withdrawn := org.officeHour(r, at.Add(within(r, days(10), days(90))))
	if !at.Before(p.until) {
		return
	}
	switch p.agreement {
	case signed, signedLater, signatureWithdrawn:
		signature := newProvenance(c, p, at)
		j.put(at, "Provenance", signature.ID, signature)
		if p.agreement == signatureWithdrawn && withdrawn.Before(org.Now) {
			j.delete(withdrawn, "Provenance", signature.ID)
		}
	case consented, consentWithdrawn:
		yes := newConsent(c, p, at)
		j.put(at, "Consent", yes.ID, yes)
		if p.agreement == consentWithdrawn {
			yes.Status = "inactive"
			j.put(withdrawn, "Consent", yes.ID, yes)
		}
	}
}

// signatory returns the first contact, or the client.
func (c *client) signatory() reference {
	if len(c.contacts) > 0 {
		return to("RelatedPerson", c.contacts[0].id, c.contacts[0].full())
	}
	return to("Patient", c.id, c.full())
}

func newProvenance(c *client, p *plan, at time.Time) provenance {
	who, activity := c.signatory(), code(base+"/handeling", "akkoord", "Akkoord met zorgplan")
	return provenance{
		ResourceType: "Provenance", ID: "akkoord-" + p.id, Target: []reference{p.reference()},
		Recorded: at.Format(instant), Activity: &activity, Agent: []provenanceAgent{{Who: who}},
		Signature: []signature{{
			Type: []coding{{System: signatureTypes, Code: "1.2.840.10065.1.12.1.7", Display: "Consent Signature"}},
			When: at.Format(instant), Who: who, SigFormat: "image/png", Data: photo("handtekening", at).Data,
		}},
	}
}

func newConsent(c *client, p *plan, at time.Time) consent {
	who := c.signatory()
	return consent{
		ResourceType: "Consent", ID: "toestemming-" + p.id, Status: "active",
		Scope:    code("http://terminology.hl7.org/CodeSystem/consentscope", "treatment", "Treatment"),
		Category: []concept{code(base+"/toestemming", "zorgplan", "Akkoord met zorgplan")},
		Patient:  c.reference(), DateTime: at.Format(time.RFC3339), Performer: []reference{who},
		Policy: code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN", "opt-in"),
		Verification: []consentVerification{{Verified: true, VerifiedWith: who,
			VerificationDate: at.Format(time.RFC3339)}},
		Provision: consentProvision{Type: "permit",
			Data: []consentData{{Meaning: "instance", Reference: p.reference()}}},
	}
}
