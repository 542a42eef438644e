package image

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"time"
)

// spdx is the manifest as an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/).
func (m Manifest) spdx() map[string]any {
	name := "portillon-" + m.Version
	var packages, relations []map[string]any
	add := func(kind string, p Package, purl string) {
		id := "SPDXRef-" + kind + "-" + regexp.MustCompile(`[^A-Za-z0-9.-]+`).ReplaceAllString(p.Name+"-"+p.Version+"-"+p.Architecture, "-")
		packages = append(packages, map[string]any{
			"SPDXID": id, "name": p.Name, "versionInfo": p.Version, "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
			"externalRefs": []map[string]any{{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}},
		})
		relations = append(relations, map[string]any{"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS", "relatedSpdxElement": id})
	}
	packages = append(packages, map[string]any{"SPDXID": "SPDXRef-image", "name": "portillon", "versionInfo": m.Version,
		"downloadLocation": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "OPERATING-SYSTEM"})
	for _, p := range m.Packages {
		add("deb", p, fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&distro=%s", p.Name, url.QueryEscape(p.Version), p.Architecture, m.Release))
	}
	for _, p := range m.Modules {
		add("go", p, fmt.Sprintf("pkg:golang/%s@%s", p.Name, url.QueryEscape(p.Version)))
	}
	return map[string]any{
		"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
		"documentNamespace": "https://spdx.org/spdxdocs/" + name + "-" + m.RootHash,
		"creationInfo":      map[string]any{"created": m.Epoch.Format(time.RFC3339), "creators": []string{"Tool: portillonctl"}},
		"documentDescribes": []string{"SPDXRef-image"}, "packages": packages, "relationships": relations,
	}
}

// sparseCopy keeps the holes: a disk's image is mostly that.
func sparseCopy(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "--sparse=always", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
