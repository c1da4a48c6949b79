"""Sources that several metrics cite."""

from __future__ import annotations

from typing import Final

HOUSE: Final = "deid-bench"
PALM_PAPER: Final = "Yan et al., arXiv:2504.08272, 2025"
DEDIM: Final = "Uchida, Abe & Yamada, DeDiM, BIOSIG, section 4"
TIP_IM: Final = "Yang et al., Towards Face Encryption by Generating Adversarial Identity Masks, ICCV 2021"
ISO: Final = "ISO/IEC 19795-1:2021"
WP216: Final = "Article 29 Working Party, Opinion 05/2014 (WP216)"

LPIPS: Final = "Zhang et al., CVPR 2018 (LPIPS v0.1)"
FID: Final = "Heusel et al., NeurIPS 2017"
KID: Final = "Bińkowski et al., ICLR 2018"
SSIM: Final = "Wang et al., IEEE TIP 13(4), 2004"
