# Static TrueType subsets of Inter, quadratic outlines; README.md says what for. Needs fonttools and Debian's fonts-inter.
import sys
from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
SRC="/usr/share/fonts/opentype/inter/"
uni=set(range(0x20,0x7f))|set(range(0xa0,0x180))|{0x192,0x1e9e,0x2c6,0x2dc}
uni|={0x2010,0x2011,0x2012,0x2013,0x2014,0x2018,0x2019,0x201a,0x201c,0x201d,0x201e,0x2020,0x2022,0x2026,0x2030,0x2032,0x2033,0x2039,0x203a,0x202f,0x2009,0x20ac,0x2116,0x2122,0x2190,0x2191,0x2192,0x2193,0x2212,0x2248,0x2260,0x2264,0x2265,0x23ce,0x25cf,0x25cb,0x2713,0x2717,0x21e7,0x232b,0xfffd,0x2610,0x2611,0x200b,0x2197,0x221e}
def build(weight, out, family, style, tnum=False):
    o=subset.Options(); o.layout_features=['kern','mark','mkmk','ccmp','tnum','locl','case']; o.name_IDs=['*']; o.notdef_outline=True; o.hinting=False; o.desubroutinize=True; o.glyph_names=False
    f=TTFont(SRC+weight+".otf")
    cm=f.getBestCmap()
    if 0x2011 not in cm and 0x2010 in cm:
        for t in f['cmap'].tables:
            if t.isUnicode(): t.cmap[0x2011]=t.cmap.get(0x2010, t.cmap[0x2d])
    if 0x202f not in cm: print(weight,"no 202f")
    print("missing", [hex(u) for u in sorted(uni) if u not in f.getBestCmap()])
    if tnum:
        sub={}
        for rec in f['GSUB'].table.FeatureList.FeatureRecord:
            if rec.FeatureTag=='tnum':
                for li in rec.Feature.LookupListIndex:
                    for st in f['GSUB'].table.LookupList.Lookup[li].SubTable:
                        st=getattr(st,'ExtSubTable',st)
                        if hasattr(st,'mapping'): sub.update(st.mapping)
        for t in f['cmap'].tables:
            if t.isUnicode():
                for u,g in list(t.cmap.items()):
                    if g in sub: t.cmap[u]=sub[g]
    o.layout_features=[x for x in o.layout_features if x not in('tnum','locl','case')]
    s=subset.Subsetter(o); s.populate(unicodes=uni); s.subset(f)
    # CFF -> glyf
    gs=f.getGlyphSet(); glyphs={}
    for n in f.getGlyphOrder():
        p=TTGlyphPen(gs); gs[n].draw(Cu2QuPen(p,1.0,reverse_direction=True)); glyphs[n]=p.glyph()
    f['loca']=newTable('loca'); g=f['glyf']=newTable('glyf'); g.glyphOrder=f.getGlyphOrder(); g.glyphs=glyphs
    for n in g.glyphs: g.glyphs[n].recalcBounds(g)
    del f['CFF ']
    if 'VORG' in f: del f['VORG']
    m=f['maxp']; m.tableVersion=0x10000
    for k,v in dict(maxZones=1,maxTwilightPoints=0,maxStorage=0,maxFunctionDefs=0,maxInstructionDefs=0,maxStackElements=0,maxSizeOfInstructions=0,maxComponentElements=0,maxPoints=0,maxContours=0,maxCompositePoints=0,maxCompositeContours=0,maxComponentDepth=0).items(): setattr(m,k,v)
    f['head'].glyphDataFormat=0
    f['post'].formatType=3.0
    for t in list(f.keys()):
        if t in('DSIG','meta','STAT'): del f[t]
    f.sfntVersion="\0\1\0\0"
    f.save(out); print(out, f['hmtx'].metrics.__len__())
D=""
build("Inter-Regular",D+"Inter-Regular.ttf","Inter","Regular")
build("Inter-SemiBold",D+"Inter-SemiBold.ttf","Inter","SemiBold")
build("Inter-SemiBold",D+"Inter-SemiBoldTabular.ttf","Inter","SemiBold",tnum=True)
