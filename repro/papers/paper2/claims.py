"""What paper 2's text claims, as predicates over its tables and figures."""

from repro.papers.spec import Above, BackgroundAbove, Claim, LossAt, LowestLoss, Rising

SCORES = ("AC", "JA", "DI")
DRIVE = ("DRIVE Acc", "DRIVE Sp", "DRIVE AUC")
CHASEDB = ("CHASEDB Acc", "CHASEDB Sen", "CHASEDB Sp", "CHASEDB AUC")
ALL = "LKM + ETM + MFM"
DRIVE_TEXT = 'Text of Table 3: "improves the Acc, Sp, and AUC performance indices on the DRIVE dataset"'
CHASEDB_TEXT = 'Text of Table 3: "on CHASEDB dataset, the increase in Acc, Sen, Sp, and AUC"'
OTHER_PLACES = ("input-single-output", "input-four-output")

CLAIMS = (
    Claim(
        id="paper2_background",
        text="More than three quarters of the pixels of ISIC 2017's training set are background.",
        place='Text of the loss: "more than 75% of the pixels in the training set [...] are labeled as background"',
        predicate=BackgroundAbove(data="isic2017", share=0.75),
    ),
    Claim(
        id="paper2_lambda",
        text="The balance 0.5 is best in AC, SE, SP, JA and DI.",
        place='Text of Figure 1 and the conclusion: "the best performance when the loss function is 0.5"',
        predicate=Above(
            table="paper2_figure1",
            row="0.5",
            others=("0.1", "0.2", "0.3", "0.4", "0.6", "0.7", "0.8", "0.9"),
            columns=("AC", "SE", "SP", "JA", "DI"),
        ),
    ),
    Claim(
        id="paper2_attention_units",
        text="Attention in each unit of encoder and decoder improves the segmentation.",
        place='Text of Figure 2: "all improved to some extent after adding the attention module"',
        predicate=Above(table="paper2_figure3", row="encoder and decoder units", others=("none",), columns=SCORES),
    ),
    Claim(
        id="paper2_attention_skip",
        text="Attention on the skip connections improves the segmentation.",
        place='Text of Figure 2: "all improved to some extent after adding the attention module"',
        predicate=Above(table="paper2_figure3", row="skip connection", others=("none",), columns=SCORES),
    ),
    Claim(
        id="paper2_attention_upsampling",
        text="Attention in the up-sampling modules improves the segmentation.",
        place='Text of Figure 2: "all improved to some extent after adding the attention module"',
        predicate=Above(table="paper2_figure3", row="up-sampling", others=("none",), columns=SCORES),
    ),
    Claim(
        id="paper2_all_convolution",
        text="Attention in all convolutional units segments better than at the input and the outputs.",
        place='Text of Figure 3 and the conclusion: "the best results are obtained when all convolutional units"',
        predicate=Above(table="paper2_figure3", row="all-convolution", others=OTHER_PLACES, columns=SCORES),
    ),
    Claim(
        id="paper2_all_convolution_loss",
        text="Attention in all convolutional units ends with the lowest test loss.",
        place='Text of Figure 3: "From the comparison results in the figure, all the convolutional units"',
        predicate=LowestLoss(figure="paper2_figure3", row="all-convolution", others=OTHER_PLACES, curve="report_loss"),
    ),
    Claim(
        id="paper2_deep_supervision",
        text="Without deep supervision TCNet segments better.",
        place='Text of Figure 3: "canceling the deep supervision mechanism of TCNet will improve"',
        predicate=Above(
            table="paper2_figure3",
            row="input-four-output",
            others=("input-four-output with deep supervision",),
            columns=SCORES,
        ),
    ),
    Claim(
        id="paper2_four_output_curve",
        text="With attention at the input and four outputs the training loss is 0.5 at step 1000 and flat by step "
        "2500.",
        place='Text of Figure 2: "a loss value of 0.5 after 1000 times of training, and after 2500 times [...] '
        'flatten"',
        predicate=LossAt(
            figure="paper2_figure2", row="input-four-output", step=1000, loss="0.5", flat_from=2500, within=0.05
        ),
    ),
    Claim(
        id="paper2_ph2_best",
        text="On PH2 TCNet is the best of eight in JA, AC and DI.",
        place='Text of Figure 4: "outperforms the other compared methods in all three metrics"',
        predicate=Above(
            table="paper2_figure4",
            row="TCNet",
            others=("FCN", "UNet", "ISL-MSCA", "SSLS", "mFCN-PI", "SBPSF", "UNet3+"),
            columns=SCORES,
        ),
    ),
    Claim(
        id="paper2_isic2018_best",
        text="On ISIC 2018 TCNet is the best of eight in JA, AC and DI.",
        place='Text of Figure 5: "the pixel-AC method and the DI method outperform the other methods"',
        predicate=Above(
            table="paper2_figure5",
            row="TCNet",
            others=("UNet++", "DeepLabv3+", "CE-Net", "DeepLabv3", "UTNet", "MedT", "CA-Net"),
            columns=SCORES,
        ),
    ),
    Claim(
        id="paper2_drive_modules",
        text="On DRIVE the modules together raise Acc, Sp and AUC over the large kernels alone.",
        place=DRIVE_TEXT,
        predicate=Above(table="paper2_table3", row=ALL, others=("LKM",), columns=DRIVE),
    ),
    Claim(
        id="paper2_drive_conclusion",
        text="On DRIVE the modules together raise Acc, Sen, Sp and AUC over the large kernels alone.",
        place='The conclusion: "ETM module, and MFM module [...] can effectively improve the Acc, Sen, Sp, and AUC"',
        predicate=Above(table="paper2_table3", row=ALL, others=("LKM",), columns=(*DRIVE, "DRIVE Sen")),
    ),
    Claim(
        id="paper2_chasedb_modules",
        text="On CHASEDB the modules together raise Acc, Sen, Sp and AUC over the large kernels alone.",
        place=f"{CHASEDB_TEXT}; the conclusion",
        predicate=Above(table="paper2_table3", row=ALL, others=("LKM",), columns=CHASEDB),
    ),
    Claim(
        id="paper2_drive_by_etm",
        text="Read of each module: on DRIVE Acc, Sp and AUC rise with the transformer and then with the fusion module.",
        place=DRIVE_TEXT,
        predicate=Rising(table="paper2_table3", rows=("LKM", "LKM + ETM", ALL), columns=DRIVE),
    ),
    Claim(
        id="paper2_drive_by_mfm",
        text="Read of each module: on DRIVE Acc, Sp and AUC rise with the fusion and then with the transformer module.",
        place=DRIVE_TEXT,
        predicate=Rising(table="paper2_table3", rows=("LKM", "LKM + MFM", ALL), columns=DRIVE),
    ),
    Claim(
        id="paper2_chasedb_by_etm",
        text="Read of each module: on CHASEDB Acc, Sen, Sp and AUC rise with the transformer and then with the fusion "
        "module.",
        place=CHASEDB_TEXT,
        predicate=Rising(table="paper2_table3", rows=("LKM", "LKM + ETM", ALL), columns=CHASEDB),
    ),
    Claim(
        id="paper2_chasedb_by_mfm",
        text="Read of each module: on CHASEDB Acc, Sen, Sp and AUC rise with the fusion and then with the transformer "
        "module.",
        place=CHASEDB_TEXT,
        predicate=Rising(table="paper2_table3", rows=("LKM", "LKM + MFM", ALL), columns=CHASEDB),
    ),
)
