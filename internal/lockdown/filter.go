package lockdown

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// machine is a processor architecture as seccomp names it.
type machine struct {
	name  string // GOARCH
	audit uint32 // AUDIT_ARCH_*
	// foreign is the bit that marks calls of another ABI under the same audit number
	// (x32); 0: there is none.
	foreign uint32
	number  func(callNumber) int
}

func amd64() machine {
	return machine{"amd64", unix.AUDIT_ARCH_X86_64, 0x40000000, func(n callNumber) int { return n.amd64 }}
}

func arm64() machine {
	return machine{"arm64", unix.AUDIT_ARCH_AARCH64, 0, func(n callNumber) int { return n.arm64 }}
}

// Offsets in struct seccomp_data (linux/seccomp.h), whose words are in native byte order:
// the low word of an argument is the first on both architectures.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

// verdict is what becomes of a call: a SECCOMP_RET_* value.
type verdict uint32

const (
	allow verdict = unix.SECCOMP_RET_ALLOW
	kill  verdict = unix.SECCOMP_RET_KILL_PROCESS
)

// refuse makes the call fail with this error.
func refuse(e unix.Errno) verdict { return verdict(unix.SECCOMP_RET_ERRNO | uint32(e)) }

// match is a condition on an argument: argument & mask == value (or != for not). It sees
// the low 32 bits, which are all the kernel reads of every argument asked about here.
type match struct {
	arg         int
	mask, value uint32
	not         bool
}

func is(arg int, value uint32) match      { return match{arg, ^uint32(0), value, false} }
func isMasked(arg int, m, v uint32) match { return match{arg, m, v, false} }
func hasAny(arg int, bits uint32) match   { return match{arg, bits, 0, true} }
func hasNone(arg int, bits uint32) match  { return match{arg, bits, 0, false} }
func isNot(arg int, value uint32) match   { return match{arg, ^uint32(0), value, true} }

// rule: the call meets all conditions → the verdict. The first rule that matches decides;
// without one the call is allowed.
type rule struct {
	call    string
	when    []match
	verdict verdict
}

// compile makes the program. Calls that the machine does not have are left out.
func compile(m machine, rules []rule) ([]bpf.RawInstruction, error) {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: m.audit, SkipTrue: 1},
		bpf.RetConstant{Val: uint32(kill)},
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
	}
	if m.foreign != 0 {
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: m.foreign, SkipTrue: 1},
			bpf.RetConstant{Val: uint32(kill)})
	}
	numbers := callNumbers()
	for _, r := range rules {
		n, ok := numbers[r.call]
		if !ok {
			return nil, fmt.Errorf("lockdown: no number for %q", r.call)
		}
		if nr := m.number(n); nr != none {
			program = append(program, r.compile(uint32(nr))...)
		}
	}
	program = append(program, bpf.RetConstant{Val: uint32(allow)})
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("lockdown: assemble: %w", err)
	}
	return raw, nil
}

// compile expects the call's number in A, and leaves it there for the next rule.
func (r rule) compile(nr uint32) []bpf.Instruction {
	// From the end: what to do when all conditions hold.
	body := []bpf.Instruction{bpf.RetConstant{Val: uint32(r.verdict)}}
	if len(r.when) > 0 {
		body = append(body, bpf.LoadAbsolute{Off: offNumber, Size: 4})
	}
	for i := len(r.when) - 1; i >= 0; i-- {
		w := r.when[i]
		miss := uint8(len(body) - 1) // to the reload of the number
		cond := bpf.JumpIf{Cond: bpf.JumpEqual, Val: w.value, SkipFalse: miss}
		if w.not {
			cond = bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: w.value, SkipFalse: miss}
		}
		test := []bpf.Instruction{bpf.LoadAbsolute{Off: offArgs + 8*uint32(w.arg), Size: 4}}
		if w.mask != ^uint32(0) {
			test = append(test, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: w.mask})
		}
		body = append(append(test, cond), body...)
	}
	head := bpf.JumpIf{Cond: bpf.JumpEqual, Val: nr, SkipFalse: uint8(len(body))}
	return append([]bpf.Instruction{head}, body...)
}
