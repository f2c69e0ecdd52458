// Package decimal holds the numbers of a care record: decimals with the digits that the source
// wrote. It wraps a library's type with what FHIR asks for and that type lacks: a bound on size, and
// a text without an exponent that keeps trailing zeros (FHIR R4 §2.24.0.1, decimal).
package decimal

import (
	"errors"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// maxDigits is how many digits a number may have, written out. FHIR asks for 18.
const maxDigits = 60

var (
	errSyntax = errors.New("not a decimal")
	errSize   = errors.New("a number of more digits than are read")
)

// A Decimal is an exact number that knows how many digits it was written with: 7.20 is equal to
// 7.2, but not the same text. The zero value is 0.
type Decimal struct{ d decimal.Decimal }

// Parse reads a number as JSON writes one, with or without an exponent. It refuses a number that
// takes more than 60 digits to write out.
func Parse(s string) (Decimal, error) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, point := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	if !areDigits(whole) || point && !areDigits(fraction) {
		return Decimal{}, errSyntax
	}
	shift := 0
	if scientific {
		sign := strings.TrimLeft(exponent, "+-")
		if len(exponent)-len(sign) > 1 || !areDigits(sign) {
			return Decimal{}, errSyntax
		}
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift < -maxDigits || maxDigits < shift {
			return Decimal{}, errSize
		}
	}
	if max(len(whole)+max(shift, 0), 1)+max(len(fraction)-min(shift, 0), 0) > maxDigits {
		return Decimal{}, errSize
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return Decimal{}, errSyntax
	}
	return Decimal{d}, nil
}

func areDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// String writes d out, without an exponent and with its trailing zeros.
func (d Decimal) String() string { return d.d.StringFixed(max(0, -d.d.Exponent())) }

// Dutch is String with a decimal comma.
func (d Decimal) Dutch() string { return strings.Replace(d.String(), ".", ",", 1) }

// Cmp compares the values of d and e, whatever digits they are written with: -1, 0 or +1.
func (d Decimal) Cmp(e Decimal) int { return d.d.Cmp(e.d) }

// Sign returns -1, 0 or +1.
func (d Decimal) Sign() int { return d.d.Sign() }

// Add returns the sum, with the decimals of the more precise of the two.
func (d Decimal) Add(e Decimal) Decimal { return Decimal{d.d.Add(e.d)} }

// Int returns d if it is a whole number that fits.
func (d Decimal) Int() (int64, bool) {
	if !d.d.IsInteger() || !d.d.BigInt().IsInt64() {
		return 0, false
	}
	return d.d.IntPart(), true
}
