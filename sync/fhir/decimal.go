package fhir

import (
	"dossiersync/store/dossier"
	"dossiersync/sync/decimal"
)

// decimal returns the number v. A number that is too large or too precise to write out is a fault.
func (v value) decimal() decimal.Decimal {
	s := v.number()
	if s == "" {
		return decimal.Decimal{}
	}
	d, err := decimal.Parse(s)
	if err != nil {
		v.fault(dossier.BadBody, err.Error())
	}
	return d
}

// written returns the number v written out, without an exponent; empty if v is absent.
func (v value) written() string {
	if !v.ok() {
		return ""
	}
	return v.decimal().String()
}

// dutchNumber returns the number v with a decimal comma and all the digits that it was written with;
// empty if v is absent.
func dutchNumber(v value) string {
	if !v.ok() {
		return ""
	}
	return v.decimal().Dutch()
}

// literal returns the number v as it is written; empty for what is no number.
func (v value) literal() string {
	if !v.ok() || v.node().kind != number {
		return ""
	}
	return string(v.node().is.of(v.r.raw))
}

// whole returns the whole number v, however it is written: 1.2E+2 is 120.
func (v value) whole() int64 {
	n, ok := v.decimal().Int()
	if !ok {
		v.fault(dossier.BadBody, "not a whole number")
	}
	return n
}
