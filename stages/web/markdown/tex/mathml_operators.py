"""TeX of the characters that MathML writes: letters, operators, arrows, fences, accents.

U+2212 stays as it is: readers and engines of TeX know it, and a page's minus remains a minus.
"""

_PAIRS = r"""
α \alpha β \beta γ \gamma δ \delta ε \varepsilon ϵ \epsilon ζ \zeta η \eta θ \theta ϑ \vartheta
ι \iota κ \kappa ϰ \varkappa λ \lambda μ \mu µ \mu ν \nu ξ \xi π \pi ϖ \varpi ρ \rho ϱ \varrho
σ \sigma ς \varsigma τ \tau υ \upsilon φ \varphi ϕ \phi χ \chi ψ \psi ω \omega Γ \Gamma Δ \Delta
Θ \Theta Λ \Lambda Ξ \Xi Π \Pi Σ \Sigma Υ \Upsilon Φ \Phi Ψ \Psi Ω \Omega ℏ \hbar ℓ \ell ℘ \wp
ℜ \Re ℑ \Im ℵ \aleph ∂ \partial ∇ \nabla ∞ \infty ∅ \emptyset ı \imath ȷ \jmath ℝ \mathbb{R}
ℤ \mathbb{Z} ℕ \mathbb{N} ℚ \mathbb{Q} ℂ \mathbb{C} ℙ \mathbb{P} ℍ \mathbb{H} ℒ \mathcal{L}
ℱ \mathcal{F} ℋ \mathcal{H} ℳ \mathcal{M} ℛ \mathcal{R} ℬ \mathcal{B} ℰ \mathcal{E}
ℐ \mathcal{I} ℊ \mathcal{g} ℯ \mathcal{e} ℴ \mathcal{o} ℭ \mathfrak{C} ℨ \mathfrak{Z}
ℌ \mathfrak{H} ± \pm ∓ \mp × \times ÷ \div · \cdot ⋅ \cdot ∗ * ⋆ \star ∘ \circ ∙ \bullet
• \bullet ⊕ \oplus ⊖ \ominus ⊗ \otimes ⊘ \oslash ⊙ \odot ∧ \wedge ∨ \vee ∩ \cap ∪ \cup ⊎ \uplus
⊓ \sqcap ⊔ \sqcup ∖ \setminus ≀ \wr ⋄ \diamond † \dagger ‡ \ddagger ⨿ \amalg ⋉ \ltimes ⋊ \rtimes
⊞ \boxplus ⊠ \boxtimes ≤ \leq ≥ \geq ≦ \leqq ≧ \geqq ⩽ \leqslant ⩾ \geqslant ≪ \ll ≫ \gg ≠ \neq
≡ \equiv ≢ \not\equiv ≈ \approx ≉ \not\approx ∼ \sim ≁ \nsim ≃ \simeq ≅ \cong ≇ \ncong ∝ \propto
≺ \prec ≻ \succ ⪯ \preceq ⪰ \succeq ≼ \preccurlyeq ≽ \succcurlyeq ⊂ \subset ⊃ \supset
⊆ \subseteq ⊇ \supseteq ⊊ \subsetneq ⊄ \not\subset ⊈ \nsubseteq ⊑ \sqsubseteq ⊒ \sqsupseteq
∈ \in ∉ \notin ∋ \ni ⊢ \vdash ⊣ \dashv ⊨ \models ⊥ \perp ∥ \parallel ∦ \nparallel ∣ \mid ∤ \nmid
≍ \asymp ≐ \doteq ≜ \triangleq ≔ := ≕ =: ⋈ \bowtie ⌣ \smile ⌢ \frown ≲ \lesssim ≳ \gtrsim ⊲ \lhd
⊳ \rhd ⊴ \unlhd ⊵ \unrhd ⊩ \Vdash ≮ \nless ≯ \ngtr ≰ \nleq ≱ \ngeq ≟ \stackrel{?}{=} ¬ \neg
∀ \forall ∃ \exists ∄ \nexists ∴ \therefore ∵ \because ⊤ \top ∠ \angle ∡ \measuredangle
△ \triangle ▵ \triangle □ \square ◻ \square ■ \blacksquare ◊ \lozenge ♠ \spadesuit ♡ \heartsuit
♢ \diamondsuit ♣ \clubsuit ° ^{\circ} … \ldots ⋯ \cdots ⋮ \vdots ⋱ \ddots ‖ \| ∁ \complement
← \leftarrow → \rightarrow ↑ \uparrow ↓ \downarrow ↔ \leftrightarrow ↕ \updownarrow ⇐ \Leftarrow
⇒ \Rightarrow ⇑ \Uparrow ⇓ \Downarrow ⇔ \Leftrightarrow ↦ \mapsto ⟶ \longrightarrow
⟵ \longleftarrow ⟷ \longleftrightarrow ⟹ \implies ⟸ \impliedby ⟺ \iff ⟼ \longmapsto
↪ \hookrightarrow ↩ \hookleftarrow ⇀ \rightharpoonup ⇁ \rightharpoondown ↼ \leftharpoonup
↽ \leftharpoondown ⇌ \rightleftharpoons ↠ \twoheadrightarrow ↣ \rightarrowtail
⇝ \rightsquigarrow ↗ \nearrow ↘ \searrow ↙ \swarrow ↖ \nwarrow ↛ \nrightarrow ⇏ \nRightarrow
↺ \circlearrowleft ↻ \circlearrowright ⊸ \multimap ∑ \sum ∏ \prod ∐ \coprod ∫ \int ∬ \iint
∭ \iiint ∮ \oint ⋂ \bigcap ⋃ \bigcup ⋀ \bigwedge ⋁ \bigvee ⨁ \bigoplus ⨂ \bigotimes ⨀ \bigodot
⨄ \biguplus ⨆ \bigsqcup √ \surd ⟨ \langle ⟩ \rangle 〈 \langle 〉 \rangle ⌈ \lceil ⌉ \rceil
⌊ \lfloor ⌋ \rfloor ⟦ [\![ ⟧ ]\!] { \{ } \} % \% # \# & \& _ \_ $ \$ ~ \sim \ \backslash ′ '
″ '' ‴ ''' ‵ \backprime
"""
_words = _PAIRS.split()
TEX: dict[str, str] = dict(zip(_words[::2], _words[1::2], strict=True))

INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b\u200c\u200d\ufeff\u2060\u00ad"))
"""Function application, invisible times, separators: nothing to see, nothing to write."""

_FUNCTIONS_WORDS = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim "
    "liminf limsup ln log max min Pr sec sin sinh sup tan tanh"
)
FUNCTIONS = frozenset(_FUNCTIONS_WORDS.split())
_LIMITS_WORDS = (
    r"\sum \prod \coprod \bigcap \bigcup \bigwedge \bigvee \bigoplus \bigotimes \bigodot "
    r"\biguplus \bigsqcup \int \iint \iiint \oint \lim \liminf \limsup \max \min \sup \inf "
    r"\det \gcd \Pr \argmax \argmin"
)
LIMITS = frozenset(_LIMITS_WORDS.split())
"""Operators whose scripts stand below and above by themselves."""

ACCENTS = {
    "^": "hat", "ˆ": "hat", "̂": "hat", "~": "tilde", "˜": "tilde", "∼": "tilde", "̃": "tilde",
    "¯": "overline", "‾": "overline", "_": "overline", "ˉ": "bar", "̄": "bar", "―": "overline",
    "−": "overline", "→": "vec", "⃗": "vec", "⟶": "overrightarrow", "←": "overleftarrow",
    "↔": "overleftrightarrow", "˙": "dot", ".": "dot", "̇": "dot", "¨": "ddot", "̈": "ddot",
    "ˇ": "check", "̌": "check", "˘": "breve", "´": "acute", "`": "grave", "˚": "mathring",
    "⏞": "overbrace", "︷": "overbrace", "⏜": "overparen",
}  # fmt: skip
UNDER_ACCENTS = {
    "_": "underline", "̲": "underline", "¯": "underline", "‾": "underline", "⏟": "underbrace",
    "︸": "underbrace", "→": "underrightarrow", "⎵": "underbracket",
}  # fmt: skip

OPENERS = {"(": "(", "[": "[", "{": r"\{", "⟨": r"\langle", "〈": r"\langle", "⌈": r"\lceil",
           "⌊": r"\lfloor", "|": "|", "‖": r"\|", "∥": r"\|", "": "."}  # fmt: skip
CLOSERS = {")": ")", "]": "]", "}": r"\}", "⟩": r"\rangle", "〉": r"\rangle", "⌉": r"\rceil",
           "⌋": r"\rfloor", "|": "|", "‖": r"\|", "∥": r"\|", "": "."}  # fmt: skip
MATRICES = {("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("{", "}"): "Bmatrix",
            ("|", "|"): "vmatrix", ("‖", "‖"): "Vmatrix", ("∥", "∥"): "Vmatrix",
            ("{", ""): "cases"}  # fmt: skip

VARIANTS = {
    "bold": "mathbf", "bold-italic": "boldsymbol", "double-struck": "mathbb", "script": "mathcal",
    "bold-script": "mathcal", "fraktur": "mathfrak", "bold-fraktur": "mathfrak",
    "sans-serif": "mathsf", "bold-sans-serif": "mathsf", "sans-serif-italic": "mathsf",
    "monospace": "mathtt", "normal": "mathrm", "-tex-calligraphic": "mathcal",
    "-tex-mathit": "mathit",
}  # fmt: skip
ALPHABETS = (
    ("DOUBLE-STRUCK", "mathbb"), ("BOLD ITALIC", "boldsymbol"), ("SANS-SERIF", "mathsf"),
    ("FRAKTUR", "mathfrak"), ("SCRIPT", "mathcal"), ("MONOSPACE", "mathtt"), ("BOLD", "mathbf"),
)  # fmt: skip
"""What the names of Unicode's mathematical letters say."""
